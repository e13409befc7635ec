"""Paths of portable kernels that drawn nodes do not reach, or seldom."""

import dataclasses

import numpy as np
import pytest
from batching import compile_nodes, distinct
from drawing import with_wide_scales

from tinygen.cores import core
from tinygen.errors import UnsupportedError
from tinygen.ir import Node
from tinygen.kernels import kernels
from tinygen.kernels._sliding import channelwise_overlap, pixelwise_overlap
from tinygen.kernels.average_pool_2d_portable import MAX_COUNT, RECIPROCAL_BITS
from tinygen.ops import operator
from tinygen.ops.base import quantized
from tinygen.ops.pooling import Pool2DOptions
from tinygen.ops.sampling import SeededDraw, stimuli
from tinygen.ops.softmax import MAX_DEPTH, SoftmaxOptions
from tinygen.ops.windows import Window
from tinygen.verify.host import on_host

CORE = core("cortex-m3")
WIDE = ["ADD", "SUB", "MUL", "MEAN", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"]


def portable(op):
    return kernels()[f"{op.lower()}_portable"]


def prove(nodes, monkeypatch):
    named = [(distinct(node, f"layer_{i}"), portable(node.op)) for i, node in enumerate(nodes)]
    compiled = compile_nodes(named, CORE, monkeypatch)
    inputs = [tuple(values) for values in stimuli(compiled.graph.inputs, 5, 5)]
    return on_host(compiled, inputs).values


def average_pool(shape, filter_size, padding):
    x = quantized("x", shape, 0.1, 3)
    options = Pool2DOptions(padding, 3, 2, filter_size[1], filter_size[0])
    node = Node("AVERAGE_POOL_2D", "pool", (x,), (x,), options)
    y = dataclasses.replace(x, shape=operator(node.op).shapes(node)[0])
    return node.replace(outputs=(y,))


def softmax(depth, scale):
    x, y = quantized("x", (2, depth), scale, 0), quantized("y", (2, depth), 1 / 256, -128)
    return Node("SOFTMAX", "softmax", (x,), (y,), SoftmaxOptions())


def test_pooling_over_more_values_than_are_multiplied(monkeypatch):
    nodes = [
        average_pool((1, 20, 20, 5), (20, 20), "VALID"),
        average_pool((1, 24, 23, 5), (20, 21), "SAME"),
        average_pool((1, 19, 19, 3), (19, 19), "VALID"),
        average_pool((1, 25, 5, 6), (25, 5), "VALID"),
    ]
    assert prove(nodes, monkeypatch) > 0


@pytest.mark.parametrize("count", [*range(1, 20), 49, 125, 255, 256, 257, 360, MAX_COUNT])
def test_the_reciprocal_of_a_count_divides_exactly(count):
    dividend = np.arange(128 * count + count // 2 + 1, dtype=np.uint64)
    reciprocal = -(-(1 << RECIPROCAL_BITS) // count)
    assert int(dividend[-1]) * reciprocal < 1 << 32
    np.testing.assert_array_equal(
        dividend * np.uint64(reciprocal) >> np.uint64(RECIPROCAL_BITS), dividend // count
    )


def test_softmax_over_more_values_than_the_interpreter_takes(monkeypatch):
    depths = (512, 513, 1000, MAX_DEPTH)
    assert prove([softmax(depth, 0.05) for depth in depths], monkeypatch) > 0


def test_softmax_of_scales_that_saturate(monkeypatch):
    assert prove([softmax(9, scale) for scale in (1e-7, 1e-4, 8.0, 50.0)], monkeypatch) > 0


def test_wide_scales(monkeypatch):
    rng = np.random.default_rng(3)
    nodes = []
    for op in WIDE:
        for seed in range(6):
            node = with_wide_scales(operator(op).sample(SeededDraw(seed)), rng)
            try:
                operator(op).check(node)
            except UnsupportedError:
                continue
            nodes.append(node)
    assert len(nodes) > 30
    assert prove(nodes, monkeypatch) > 0


def test_a_3x3_window_slides_one_row_and_one_pixel_behind():
    shape = (1, 12, 10, 8)
    window = Window.over(shape, 3, 3, (1, 1), "SAME")
    assert channelwise_overlap(window, shape).distance == (10 + 1) * 8


def test_a_window_without_padding_needs_no_distance():
    shape = (1, 12, 10, 8)
    for stride in ((1, 1), (2, 2), (1, 3)):
        window = Window.over(shape, 2, 2, stride, "VALID")
        assert channelwise_overlap(window, shape).distance == 0


def test_a_pointwise_convolution_slides_one_pixel_behind():
    shape = (1, 12, 10, 8)
    window = Window.over(shape, 1, 1, (1, 1), "VALID")
    assert pixelwise_overlap(window, shape, 8).distance == 8
    assert pixelwise_overlap(window, shape, 5).distance == 5
    assert pixelwise_overlap(window, shape, 9).distance == 120 * 9 - 119 * 8
