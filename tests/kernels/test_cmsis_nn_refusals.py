"""Where kernels that call CMSIS-NN must not be taken, and how nodes are brought to its forms."""

import numpy as np
import pytest

from tinygen import cores
from tinygen.ir import Node, Quantization, Tensor
from tinygen.kernels import kernels
from tinygen.ops import operator
from tinygen.ops.base import INT8, INT32, NoOptions, quantized
from tinygen.ops.conv_2d import Conv2DOptions
from tinygen.ops.depthwise_conv_2d import DepthwiseConv2DOptions
from tinygen.ops.elementwise import ArithmeticOptions
from tinygen.ops.fully_connected import FullyConnectedOptions
from tinygen.ops.shapes import integer_tensor
from tinygen.ops.softmax import SoftmaxOptions

M4, M55 = cores.core("cortex-m4"), cores.core("cortex-m55")


def kernel_of(node):
    return kernels()[f"{node.op.lower()}_cmsis_nn"]


def refusal(node, core=M4):
    operator(node.op).check(node)
    return kernel_of(node).refusal(node, core)


def params(node, core=M4):
    assert refusal(node, core) is None
    return kernel_of(node).implement(node, core).params


def filter_(shape, value=1, scale=0.01):
    return Tensor("filter", shape, INT8, Quantization((scale,), (0,)), np.full(shape, value, INT8))


def bias(values):
    data = np.array(values, INT32)
    return Tensor("bias", data.shape, INT32, Quantization((0.001,), (0,)), data)


def with_output(node, scale=0.1):
    return node.replace(outputs=(quantized("output", operator(node.op).shapes(node)[0], scale, 0),))


def conv(shape, weights, *more, **options):
    x = quantized("input", shape, 0.1, 0)
    return with_output(Node("CONV_2D", "conv", (x, weights, *more), (x,), Conv2DOptions(**options)))


def dense(x, weights, start):
    return with_output(
        Node("FULLY_CONNECTED", "dense", (x, weights, start), (x,), FullyConnectedOptions())
    )


def pair(op, a, b, options=None):
    inputs = (quantized("a", a, 0.1, 0), quantized("b", b, 0.1, 0))
    return with_output(Node(op, "pair", inputs, inputs, options or ArithmeticOptions()))


def test_accumulator_that_a_left_shift_takes_out_of_32_bits():
    x = quantized("input", (1, 4), 0.1, 0)
    start = bias([2**30])
    assert refusal(dense(x, filter_((1, 4), scale=0.5), start)) is None
    assert "32 bits" in refusal(dense(x, filter_((1, 4), scale=40.0), start))


@pytest.mark.parametrize(
    ("shape", "reason"), [((2, 4, 4, 3), "one sample"), ((1, 1, 40_000, 3), "16 bits")]
)
def test_shapes_of_convolutions(shape, reason):
    assert reason in refusal(conv(shape, filter_((4, 1, 1, 3))))


def test_filter_with_too_many_products():
    weights = filter_((1, 9, 1, 30_000), value=0)
    assert "16 bits" in refusal(conv((1, 9, 1, 30_000), weights))


def test_dilation_of_a_window_of_one_element_means_nothing():
    node = conv((1, 6, 6, 3), filter_((4, 1, 1, 3)), dilation_h_factor=2, dilation_w_factor=3)
    assert params(node)["routine"] == "arm_convolve_1x1_s8_fast"


@pytest.mark.parametrize(
    ("core", "window", "multiplier", "dilation", "routine"),
    [
        (M4, 3, 1, 1, "arm_depthwise_conv_3x3_s8"),
        (M4, 5, 1, 1, "arm_depthwise_conv_s8_opt"),
        (M4, 3, 2, 1, "arm_depthwise_conv_s8"),
        (M4, 3, 1, 2, "arm_depthwise_conv_s8"),
        (M55, 3, 1, 1, "arm_depthwise_conv_s8_opt"),
        (cores.core("cortex-m3"), 5, 1, 1, "arm_depthwise_conv_s8"),
    ],
)
def test_depthwise_routines(core, window, multiplier, dilation, routine):
    x = quantized("input", (1, 9, 9, 4), 0.1, 0)
    options = DepthwiseConv2DOptions(
        padding="SAME",
        depth_multiplier=multiplier,
        dilation_h_factor=dilation,
        dilation_w_factor=dilation,
    )
    weights = filter_((1, window, window, 4 * multiplier))
    node = with_output(Node("DEPTHWISE_CONV_2D", "depthwise", (x, weights), (x,), options))
    assert params(node, core)["routine"] == routine


def test_product_that_a_left_shift_takes_out_of_32_bits():
    a, b = quantized("a", (1, 4), 50.0, 0), quantized("b", (1, 4), 50.0, 0)
    node = Node("MUL", "mul", (a, b), (a,), ArithmeticOptions())
    assert refusal(with_output(node, scale=0.1)) is None
    assert "32 bits" in refusal(with_output(node, scale=0.01))


@pytest.mark.parametrize("op", ["ADD", "MUL"])
def test_arithmetic_takes_equal_sizes_only(op):
    assert refusal(pair(op, (1, 2, 3), (2, 3))) is None
    assert "equal size" in refusal(pair(op, (2, 3), (3,)))
    assert "equal size" in refusal(pair(op, (2, 3), (1,)))


@pytest.mark.parametrize("op", ["MINIMUM", "MAXIMUM"])
def test_extrema_also_take_a_scalar(op):
    assert refusal(pair(op, (2, 3), (1,), NoOptions())) is None
    assert "equal size" in refusal(pair(op, (2, 3), (3,), NoOptions()))


@pytest.mark.parametrize(("depth", "accepted"), [(511, True), (512, False)])
def test_softmax_ends_where_its_rounding_is_no_longer_defined(depth, accepted):
    x = quantized("input", (1, depth), 0.1, 0)
    y = quantized("output", (1, depth), 1 / 256, -128)
    assert (refusal(Node("SOFTMAX", "softmax", (x,), (y,), SoftmaxOptions())) is None) == accepted


def transpose(shape, perm):
    x = quantized("input", shape, 0.1, 0)
    inputs = (x, integer_tensor("perm", list(perm)))
    return with_output(Node("TRANSPOSE", "transpose", inputs, (x,), NoOptions()))


@pytest.mark.parametrize(
    ("shape", "perm", "merged", "permutation"),
    [
        ((1, 5, 6, 4), (0, 3, 1, 2), (30, 4), (1, 0)),
        ((1, 5, 1, 4), (0, 3, 2, 1), (5, 4), (1, 0)),
        ((2, 5, 6, 4), (0, 3, 1, 2), (2, 30, 4), (0, 2, 1)),
        ((2, 3, 4, 5), (3, 2, 1, 0), (2, 3, 4, 5), (3, 2, 1, 0)),
        ((2, 3, 4, 5, 6), (3, 4, 0, 1, 2), (24, 30), (1, 0)),
    ],
)
def test_transpositions_have_as_few_axes_as_possible(shape, perm, merged, permutation):
    found = params(transpose(shape, perm))
    assert (found["input"], found["permutation"]) == (merged, permutation)


@pytest.mark.parametrize(
    ("shape", "perm", "core", "reason"),
    [
        ((2, 1, 3), (1, 0, 2), M4, "no value changes"),
        ((2, 3, 2, 3, 2), (4, 3, 2, 1, 0), M4, "four dimensions"),
        ((70_000, 2), (1, 0), M4, "16 bits"),
        ((2, 10_000), (1, 0), M55, "16 bits"),
    ],
)
def test_transpositions_that_are_left_to_others(shape, perm, core, reason):
    assert reason in refusal(transpose(shape, perm), core)


def test_constants_that_helium_reads_past_are_padded():
    node = conv((1, 6, 6, 3), filter_((5, 3, 3, 3)))
    sizes = {c.role: c.data.size for c in kernel_of(node).implement(node, M55).constants}
    assert sizes == {"weights": 5 * 27 + 16, "bias": 5, "multipliers": 5, "shifts": 5}
    x = quantized("input", (1, 6, 6, 5), 0.1, 0)
    inputs = (x, filter_((1, 3, 3, 5)))
    node = with_output(
        Node("DEPTHWISE_CONV_2D", "depthwise", inputs, (x,), DepthwiseConv2DOptions())
    )
    sizes = {c.role: c.data.size for c in kernel_of(node).implement(node, M55).constants}
    assert sizes == {"weights": 45 + 3, "bias": 8, "multipliers": 8, "shifts": 8}
