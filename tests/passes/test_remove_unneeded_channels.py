"""Channels with one value, or that nobody looks at, go; every output stays as it was."""

from dataclasses import replace

import numpy as np
import pytest
from drawing import HypothesisDraw
from hypothesis import given, settings
from hypothesis import strategies as st
from rewriting import check_rewrite, int8, node

from tinygen import reference
from tinygen.ir import Graph, Quantization, Tensor
from tinygen.ops import operator
from tinygen.ops.base import INT8, INT32
from tinygen.ops.sampling import stimuli
from tinygen.passes import remove_unneeded_channels
from tinygen.passes.ranges import ranges

FILL = ("live", "live", "zero weights", "saturated low", "ignored")


def constant(name, values, dtype, scales=None, axis=0):
    values = np.asarray(values, dtype)
    quantization = None if scales is None else Quantization(scales, (0,) * len(scales), axis)
    return Tensor(name, values.shape, np.dtype(dtype), quantization, values)


def scales_of(draw, channels):
    return tuple(draw.real(0.002, 0.01) for _ in range(channels))


def convolution(draw, name, x, channels, size, zero_point, kinds=None, padding="SAME"):
    """CONV_2D whose output channels are of these kinds."""
    weights = draw.array((channels, size, size, x.shape[3]), -127, 127, INT8).copy()
    bias = draw.array((channels,), -3000, 3000, INT32).copy()
    for channel, kind in enumerate(kinds or ()):
        if kind == "zero weights":
            weights[channel] = 0
        if kind == "saturated low":
            bias[channel] = -(2**24)
    w = constant(f"{name}_w", weights, INT8, scales_of(draw, channels))
    y = int8(f"{name}_y", (*x.shape[:3], channels), 0.05, zero_point)
    if padding == "VALID":
        y = replace(y, shape=(1, x.shape[1] - size + 1, x.shape[2] - size + 1, channels))
    activation = {"fused_activation_function": "RELU", "padding": padding}
    return node("CONV_2D", name, (x, w, constant(f"{name}_b", bias, INT32)), (y,), **activation)


def depthwise(draw, name, x, zero_point):
    channels = x.shape[3]
    w = constant(
        f"{name}_w",
        draw.array((1, 3, 3, channels), -127, 127, INT8),
        INT8,
        scales_of(draw, channels),
        3,
    )
    b = constant(f"{name}_b", draw.array((channels,), -3000, 3000, INT32), INT32)
    y = int8(f"{name}_y", x.shape, 0.05, zero_point)
    options = {"padding": "SAME", "fused_activation_function": "RELU"}
    return node("DEPTHWISE_CONV_2D", name, (x, w, b), (y,), **options)


def drawn_network(draw):
    """conv, depthwise, conv with a residual ADD, pool, reshape, dense; some channels planted."""
    channels = draw.integer(2, 7)
    zero_points = [draw.choice((-128, -128, draw.integer(-128, 20))) for _ in range(4)]
    kinds = [draw.choice(FILL) for _ in range(channels)]
    x = int8("x", (1, 6, 5, draw.integer(1, 3)), 0.05, -3)
    first = convolution(draw, "first", x, channels, draw.choice((1, 3)), zero_points[0], kinds)
    middle = depthwise(draw, "middle", first.output, zero_points[1])
    second = convolution(
        draw, "second", middle.output, channels, draw.choice((1, 3)), zero_points[2], kinds
    )
    w = second.input(1).constant.copy()
    w[..., [kind == "ignored" for kind in kinds]] = 0
    second = second.replace(
        inputs=(second.input(0), replace(second.input(1), data=w), second.input(2))
    )
    total = int8("total_y", second.output.shape, 0.07, zero_points[3])
    add = node("ADD", "total", (second.output, first.output), (total,))
    pooled = replace(total, name="pooled", shape=(1, 1, 1, channels))
    pool = node("AVERAGE_POOL_2D", "pool", (total,), (pooled,), filter_height=6, filter_width=5)
    flat = replace(pooled, name="flat", shape=(1, channels))
    reshape = node("RESHAPE", "flatten", (pooled,), (flat,), new_shape=flat.shape)
    weights = constant("dense_w", draw.array((3, channels), -127, 127, INT8), INT8, (0.01,))
    dense = node(
        "FULLY_CONNECTED",
        "dense",
        (flat, weights, constant("dense_b", [100, -5, 7], INT32)),
        (int8("scores", (1, 3), 0.1, 4),),
    )
    nodes = (first, middle, second, add, pool, reshape, dense)
    return Graph("g", (x,), dense.outputs, nodes), kinds


def macs(graph):
    return sum(operator(each.op).macs(each) for each in graph.nodes)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_outputs_stay_as_they_were(data):
    graph, _ = drawn_network(HypothesisDraw(data))
    slim = remove_unneeded_channels.run(graph)
    check_rewrite(graph, slim, seed=1)
    assert macs(slim) <= macs(graph)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_ranges_hold_every_value(data):
    graph, _ = drawn_network(HypothesisDraw(data))
    found = ranges(graph)
    for given_values in stimuli(graph.inputs, 2, 3):
        for tensor, values in reference.run(graph, given_values).items():
            per_channel = values.reshape(-1, values.shape[-1]).astype(np.int64)
            assert np.all(per_channel >= found[tensor].low)
            assert np.all(per_channel <= found[tensor].high)


def chain(kinds, padding="VALID", size=1, zero_point=-128, second_padding="VALID"):
    """Two convolutions with planted channels between them."""
    from tinygen.ops.sampling import SeededDraw

    draw = SeededDraw(5)
    x = int8("x", (1, 6, 6, 2), 0.05, -3)
    first = convolution(draw, "first", x, len(kinds), 1, zero_point, kinds, padding)
    second = convolution(draw, "second", first.output, 3, size, -128, padding=second_padding)
    return Graph("g", (x,), second.outputs, (first, second))


@pytest.mark.parametrize("kind", ["zero weights", "saturated low"])
def test_a_planted_channel_goes_and_its_value_joins_the_bias(kind):
    graph = chain(["live", kind, "live"])
    slim = remove_unneeded_channels.run(graph)
    check_rewrite(graph, slim)
    assert slim.nodes[0].output.shape[3] == 2
    assert slim.nodes[1].input(1).shape[3] == 2


def test_a_value_off_the_zero_point_stays_where_padding_would_change_its_share():
    # Zero weights leave the bias, which is not the zero point: at the border the sum is another.
    kinds = ["live", "zero weights", "live"]
    padded = chain(kinds, size=3, zero_point=-20, second_padding="SAME")
    low = ranges(padded)[padded.nodes[0].output]
    assert low.constant.tolist() == [False, True, False]
    if low.low[1] != -20:
        assert remove_unneeded_channels.run(padded) is padded
    unpadded = chain(kinds, size=3, zero_point=-20)
    assert remove_unneeded_channels.run(unpadded).nodes[0].output.shape[3] == 2


def test_a_tensor_never_vanishes():
    graph = chain(["zero weights"] * 3)
    slim = remove_unneeded_channels.run(graph)
    check_rewrite(graph, slim)
    assert slim.nodes[0].output.shape[3] == 1


def test_a_graph_without_such_channels_is_left_alone():
    graph = chain(["live", "live"])
    assert remove_unneeded_channels.run(graph) is graph
