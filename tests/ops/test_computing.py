"""Operators that multiply and add: scales far from the usual, refusals, special cases."""

import dataclasses

import numpy as np
import pytest
from drawing import with_wide_scales

from tinygen import oracle
from tinygen.errors import UnsupportedError
from tinygen.ir import Graph, Node, Quantization, Tensor
from tinygen.ops import operator
from tinygen.ops.base import INT32, quantized
from tinygen.ops.mean import ReducerOptions
from tinygen.ops.sampling import SeededDraw, stimuli
from tinygen.ops.softmax import MAX_DEPTH, SoftmaxOptions
from tinygen.reference import run
from tinygen.tflite_format.writer import write

needs_oracle = pytest.mark.skipif(not oracle.available(), reason="tflite-micro is not installed")


@needs_oracle
@pytest.mark.parametrize(
    "name", ["ADD", "SUB", "MUL", "MEAN", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"]
)
def test_equals_the_oracle_over_wide_scales(name):
    rng = np.random.default_rng(11)
    compared = 0
    for seed in range(100):
        node = with_wide_scales(operator(name).sample(SeededDraw(seed)), rng)
        try:
            operator(name).check(node)
        except UnsupportedError:
            continue
        graph = Graph("wide", node.activations, node.outputs, (node,))
        number = list(graph.tensors()).index(node.output)
        interpreter = oracle.Oracle(write(graph))
        for values in stimuli(graph.inputs, seed, 2):
            expected = interpreter.run(values)[number]
            np.testing.assert_array_equal(run(graph, values)[node.output], expected)
        compared += 1
    assert compared >= 75


def sample(name, seed=0):
    return operator(name).sample(SeededDraw(seed))


def replaced_input(node, index, **changes):
    """The node with some fields of one input changed."""
    inputs = list(node.inputs)
    inputs[index] = dataclasses.replace(inputs[index], **changes)
    return node.replace(inputs=tuple(inputs))


def replaced_output(node, **changes):
    return node.replace(outputs=(dataclasses.replace(node.output, **changes),))


def options(node, **changes):
    return node.replace(options=dataclasses.replace(node.options, **changes))


def refusal(node):
    """The one sentence with which the node is refused, shown to name the layer and its operator."""
    with pytest.raises(UnsupportedError) as caught:
        operator(node.op).check(node)
    message = str(caught.value)
    assert message.startswith(f"layer {node.name!r} ({node.op}): ")
    assert "; " in message
    return message


WEIGHTED = ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"]
ACTIVATED = [*WEIGHTED, "AVERAGE_POOL_2D", "MAX_POOL_2D", "ADD", "SUB", "MUL"]


@pytest.mark.parametrize("name", ["MEAN", "SOFTMAX", "PAD", *ACTIVATED])
def test_refuses_an_input_that_is_not_int8(name):
    assert "is int16, not int8" in refusal(
        replaced_input(sample(name), 0, dtype=np.dtype(np.int16), data=None)
    )


@pytest.mark.parametrize("name", ["MEAN", "SOFTMAX", "PAD", *ACTIVATED])
@pytest.mark.parametrize("scale", [0.0, -1.0, float("inf"), float("nan")])
def test_refuses_a_scale_that_means_nothing(name, scale):
    assert "scale" in refusal(
        replaced_output(sample(name), quantization=Quantization((scale,), (0,)))
    )


def test_refuses_a_zero_point_outside_int8():
    assert "zero point 128" in refusal(
        replaced_output(sample("ADD"), quantization=Quantization((0.1,), (128,)))
    )


@pytest.mark.parametrize("name", ACTIVATED)
def test_refuses_a_fused_activation_without_int8_definition(name):
    assert "activation TANH" in refusal(options(sample(name), fused_activation_function="TANH"))


@pytest.mark.parametrize("name", WEIGHTED)
def test_refuses_weights_that_are_computed(name):
    assert "not a constant int8 tensor" in refusal(replaced_input(sample(name), 1, data=None))


@pytest.mark.parametrize("name", WEIGHTED)
def test_refuses_asymmetric_weights(name):
    assert "not symmetrically quantized" in refusal(
        replaced_input(sample(name), 1, quantization=Quantization((0.1,), (3,)))
    )


@pytest.mark.parametrize("name", WEIGHTED)
def test_refuses_a_bias_of_the_wrong_length(name):
    node = sample(name)
    bias = Tensor("bias", (99,), INT32, None, np.zeros(99, np.int32))
    assert "bias" in refusal(node.replace(inputs=(*node.inputs[:2], bias)))


@pytest.mark.parametrize("name", WEIGHTED)
def test_refuses_sums_that_may_overflow(name):
    node = sample(name)
    channels = node.output.shape[-1]
    bias = Tensor("bias", (channels,), INT32, None, np.full(channels, -(1 << 31), np.int32))
    assert "overflows" in refusal(node.replace(inputs=(*node.inputs[:2], bias)))


@pytest.mark.parametrize("name", [*WEIGHTED, "MUL", "MEAN"])
def test_refuses_factors_beyond_32_bits(name):
    node = replaced_output(sample(name), quantization=Quantization((1e-30,), (0,)))
    assert "requantization factor" in refusal(node)


@pytest.mark.parametrize("name", ["ADD", "SUB"])
def test_refuses_an_output_scale_far_below_the_inputs(name):
    node = replaced_output(sample(name), quantization=Quantization((1e-9,), (0,)))
    assert "millionth" in refusal(node)


def test_refuses_grouped_convolution():
    node = sample("CONV_2D")
    shape = (*node.input(0).shape[:3], 2 * node.input(0).shape[3])
    assert "group" in refusal(replaced_input(node, 0, shape=shape))


@pytest.mark.parametrize("name", ["CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_refuses_windows_that_find_no_place(name):
    node = options(sample(name), padding="VALID")
    shape = (1, 1, 1, node.input(0).shape[3])
    if name.endswith("POOL_2D"):
        node = options(node, filter_height=2)
    else:
        w = np.zeros((*node.input(1).shape[:1], 2, 2, *node.input(1).shape[3:]), np.int8)
        node = replaced_input(node, 1, shape=w.shape, data=w)
    assert "window spans" in refusal(replaced_input(node, 0, shape=shape))


@pytest.mark.parametrize("name", ["CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_refuses_a_stride_of_zero(name):
    assert "not all positive" in refusal(options(sample(name), stride_h=0))


@pytest.mark.parametrize("name", ["CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_refuses_inputs_that_are_not_images(name):
    assert "not NHWC" in refusal(replaced_input(sample(name), 0, shape=(1, 12)))


def test_refuses_a_depthwise_filter_that_does_not_fit_its_multiplier():
    node = sample("DEPTHWISE_CONV_2D")
    wrong = node.options.depth_multiplier + 1
    assert "depth multiplier" in refusal(options(node, depth_multiplier=wrong))


def test_refuses_shuffled_weights():
    node = options(sample("FULLY_CONNECTED"), weights_format="SHUFFLED4x16INT8")
    assert "SHUFFLED4x16INT8" in refusal(node)


def test_refuses_rows_that_do_not_fit_the_matrix():
    node = sample("FULLY_CONNECTED")
    shape = (1, node.input(1).shape[1] + 1)
    assert "rows of" in refusal(replaced_input(node, 0, shape=shape))


@pytest.mark.parametrize("name", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_refuses_pooling_that_would_have_to_requantize(name):
    node = replaced_output(sample(name), quantization=Quantization((7.0,), (1,)))
    assert "quantized differently" in refusal(node)


@pytest.mark.parametrize("name", ["ADD", "SUB", "MUL"])
def test_refuses_shapes_that_do_not_broadcast(name):
    inputs = (quantized("a", (2, 3), 0.1, 0), quantized("b", (2, 4), 0.1, 0))
    node = Node(name, "arithmetic", inputs, (quantized("y", (2, 3), 0.1, 0),))
    assert "do not broadcast" in refusal(node.replace(options=operator(name).options_type()))


def test_refuses_more_dimensions_than_the_loops_have():
    x = quantized("a", (1,) * 7, 0.1, 0)
    node = Node("ADD", "sum", (x, x), (x,), operator("ADD").options_type())
    assert "7 dimensions" in refusal(node)


def mean_node(axes, shape=(1, 4, 4, 2), **changes):
    data = np.array(axes, np.int32)
    axis = dataclasses.replace(Tensor("axes", data.shape, INT32, None, data), **changes)
    x, y = quantized("x", shape, 0.1, 0), quantized("y", (), 0.1, 0)
    return Node("MEAN", "mean", (x, axis), (y,), ReducerOptions())


def test_mean_counts_an_axis_named_twice_once():
    assert operator("MEAN").shapes(mean_node([1, -3, 1])) == ((1, 4, 2),)


def test_mean_of_a_scalar_axis():
    assert operator("MEAN").shapes(mean_node(2)) == ((1, 4, 2),)


def test_refuses_a_mean_over_axes_that_do_not_exist():
    assert "do not exist" in refusal(mean_node([4]))


def test_refuses_a_mean_whose_sum_may_overflow():
    assert "mean of 8388608 values" in refusal(mean_node([1], shape=(1, 1 << 23)))


def test_refuses_a_mean_over_computed_axes():
    assert "not constant" in refusal(mean_node([1], data=None))


def softmax_node(depth, scale=0.1, beta=1.0, output=(1 / 256, -128)):
    x, y = quantized("x", (1, depth), scale, 0), quantized("y", (1, depth), *output)
    return Node("SOFTMAX", "softmax", (x,), (y,), SoftmaxOptions(beta))


def test_softmax_of_more_equal_values_than_the_interpreter_takes():
    node = softmax_node(MAX_DEPTH)
    operator("SOFTMAX").check(node)
    y = operator("SOFTMAX").compute(node, [np.full((1, MAX_DEPTH), 5, np.int8)])[0]
    assert (y == -128).all()


def test_softmax_of_many_values_finds_the_largest():
    x = np.full((1, 1000), -128, np.int8)
    x[0, 77] = 127
    y = operator("SOFTMAX").compute(softmax_node(1000), [x])[0]
    assert y[0, 77] == 127
    assert (np.delete(y[0], 77) == -128).all()


def test_refuses_softmax_beyond_its_accumulator():
    assert "last axis" in refusal(softmax_node(MAX_DEPTH + 1))


def test_refuses_softmax_with_another_output_scale():
    assert "1/256" in refusal(softmax_node(10, output=(0.1, 0)))


@pytest.mark.parametrize("beta", [0.0, -1.0, 1e-12, float("nan")])
def test_refuses_softmax_with_a_beta_out_of_range(beta):
    assert "beta" in refusal(softmax_node(10, beta=beta))


def pad_node(paddings, shape=(1, 4, 4, 2), dtype=np.int32):
    data = np.array(paddings, dtype)
    x = quantized("x", shape, 0.1, 0)
    pads = Tensor("paddings", data.shape, data.dtype, None, data)
    return Node("PAD", "pad", (x, pads), (x,), operator("PAD").options_type())


@pytest.mark.parametrize(
    ("node", "telling"),
    [
        (pad_node([[0, 0], [-1, 0], [0, 0], [0, 0]]), "negative"),
        (pad_node([[0, 0], [1, 0]]), "pair per axis"),
        (pad_node([[0, 0]] * 4, dtype=np.int64), "int32"),
        (pad_node([[0, 0]] * 6, shape=(1,) * 6), "6 dimensions"),
    ],
)
def test_refuses_paddings_it_cannot_hold(node, telling):
    assert telling in refusal(node)


def reshape_node(wanted, shape=(1, 4, 3), from_options=False):
    x = quantized("x", shape, 0.1, 0)
    if from_options:
        op = operator("RESHAPE")
        return Node("RESHAPE", "reshape", (x,), (x,), op.options_type(tuple(wanted)))
    data = np.array(wanted, np.int32)
    inputs = (x, Tensor("shape", data.shape, INT32, None, data))
    return Node("RESHAPE", "reshape", inputs, (x,), operator("RESHAPE").options_type())


@pytest.mark.parametrize("wanted", [(2, 5), (-1, -1), (0, 12), (-1, 5), (-2, -6)])
@pytest.mark.parametrize("from_options", [False, True])
def test_refuses_a_shape_of_another_size(wanted, from_options):
    assert "cannot become" in refusal(reshape_node(wanted, from_options=from_options))


def test_refuses_a_shape_that_is_computed():
    assert "shape is not a constant" in refusal(replaced_input(reshape_node((12,)), 1, data=None))


def test_shape_in_an_input_goes_before_options():
    node = reshape_node((3, -1))
    node = options(node, new_shape=(12,))
    assert operator("RESHAPE").shapes(node) == ((3, 4),)
