from dataclasses import replace

import numpy as np
import pytest
from rewriting import check_rewrite, int8, pad, relu

from tinygen import passes
from tinygen.errors import UnsupportedError
from tinygen.ir import Graph
from tinygen.numerics import window_padding
from tinygen.ops import operator
from tinygen.ops.sampling import SeededDraw

OPERATORS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def padded_convolution(op, seed, amounts=None, quantization=None):
    """PAD and a drawn convolution made VALID; by default padded as SAME would pad it.

    ``quantization`` is the padded tensor's scale and zero point, by default those of the input.
    """
    kind = operator(op)
    drawn = kind.sample(SeededDraw(seed))
    x = drawn.input(0)
    rows, columns = amounts or same_padding(drawn)
    _, height, width, depth = x.shape
    padded = int8(
        "padded",
        (1, height + sum(rows), width + sum(columns), depth),
        *(quantization or (x.quant.scale, x.quant.zero_point)),
    )
    convolution = drawn.replace(
        inputs=(padded, *drawn.inputs[1:]), options=replace(drawn.options, padding="VALID")
    )
    kind.check(convolution)
    y = replace(drawn.output, shape=kind.shapes(convolution)[0])
    return Graph(
        "g",
        (x,),
        (y,),
        (
            pad("pad", x, padded, [(0, 0), rows, columns, (0, 0)]),
            convolution.replace(outputs=(y,)),
        ),
    )


def same_padding(node):
    """What SAME adds in front of and behind the rows and the columns."""
    options, found = node.options, []
    for size, window, stride, dilation in (
        (
            node.input(0).shape[1],
            node.input(1).shape[1],
            options.stride_h,
            options.dilation_h_factor,
        ),
        (
            node.input(0).shape[2],
            node.input(1).shape[2],
            options.stride_w,
            options.dilation_w_factor,
        ),
    ):
        length, front = window_padding(size, window, stride, dilation, "SAME")
        reach = (length - 1) * stride + (window - 1) * dilation + 1
        found.append((front, max(reach - size - front, 0)))
    return tuple(found)


def seeds_with_padding(op, count):
    """Seeds of nodes that SAME would pad."""
    padded = (
        seed
        for seed in range(10 * count)
        if np.any(same_padding(operator(op).sample(SeededDraw(seed))))
    )
    return [next(padded) for _ in range(count)]


@pytest.mark.parametrize("op", OPERATORS)
def test_fused_where_same_pads_alike(op):
    for seed in seeds_with_padding(op, 50):
        before = padded_convolution(op, seed)
        after = passes.apply(before)
        check_rewrite(before, after, seed)
        assert [n.op for n in after.nodes] == [op]
        assert after.nodes[0].options.padding == "SAME"


@pytest.mark.parametrize("op", OPERATORS)
def test_any_padding_leaves_the_values_alone(op):
    rng = np.random.default_rng(5)
    kept = 0
    for seed in range(100):
        amounts = tuple(tuple(int(n) for n in rng.integers(0, 3, 2)) for _ in range(2))
        try:
            before = padded_convolution(op, seed, amounts)
        except UnsupportedError:  # the drawn window is larger than the padded input
            continue
        after = passes.apply(before)
        check_rewrite(before, after, seed)
        kept += len(after.nodes) == 2
    assert kept > 20


@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize("change", [(2.0, 0), (1.0, 1)])
def test_kept_where_the_padding_has_another_quantization(op, change):
    seed = seeds_with_padding(op, 1)[0]
    x = operator(op).sample(SeededDraw(seed)).input(0).quant
    factor, step = change
    other = (x.scale * factor, x.zero_point + (step if x.zero_point < 0 else -step))
    before = padded_convolution(op, seed, quantization=other)
    assert passes.apply(before).nodes == before.nodes


def test_a_pad_that_others_read_stays():
    before = padded_convolution("CONV_2D", seeds_with_padding("CONV_2D", 1)[0])
    first, convolution = before.nodes
    y = replace(first.output, name="y")
    before = before.replace(
        nodes=(first, convolution, relu("relu", first.output, y)), outputs=(*before.outputs, y)
    )
    after = passes.apply(before)
    check_rewrite(before, after)
    assert [n.op for n in after.nodes] == ["PAD", "CONV_2D", "RELU"]
    assert after.nodes[1].input(0) is first.input(0)
