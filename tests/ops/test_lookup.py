"""Operators on single int8 values, over all 256 of them and scales far from the usual."""

import numpy as np
import pytest

from tinygen import oracle
from tinygen.errors import UnsupportedError
from tinygen.ir import Graph, Node, Tensor
from tinygen.ops import operator
from tinygen.ops.base import quantized
from tinygen.ops.lookup import table
from tinygen.tflite_format.writer import write

EVERY_BYTE = np.arange(256, dtype=np.uint8).view(np.int8)
FIXED_OUTPUT = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}
NAMES = ("LOGISTIC", "TANH", "RELU", "RELU6", "LEAKY_RELU", "HARD_SWISH", "QUANTIZE")


def lookup_node(name, x, y, **options):
    """A node from an input to an output (scale, zero point), over all 256 values."""
    op = operator(name)
    y = quantized("output", (256,), *FIXED_OUTPUT.get(name, y))
    inputs = (quantized("input", (256,), *x),)
    return Node(name, "lookup", inputs, (y,), op.options_type(**options))


def from_oracle(node):
    model = write(Graph("lookup", node.inputs, node.outputs, (node,)))
    return oracle.run(model, [EVERY_BYTE])[1]


@pytest.mark.skipif(not oracle.available(), reason="tflite-micro is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_table_equals_the_oracle_over_wide_scales(name):
    rng = np.random.default_rng(7)
    compared = 0
    for _ in range(150):
        scales = np.exp2(rng.uniform(-14, 7, 2))
        x, y = ((float(s), int(rng.integers(-128, 128))) for s in scales)
        alpha = {"alpha": float(np.float32(rng.uniform(-1, 2)))} if name == "LEAKY_RELU" else {}
        node = lookup_node(name, x, y, **alpha)
        try:
            operator(name).check(node)
        except UnsupportedError:
            continue
        np.testing.assert_array_equal(table(node), from_oracle(node))
        compared += 1
    assert compared >= 75


@pytest.mark.parametrize("name", NAMES)
def test_table_answers_by_byte(name):
    node = lookup_node(name, (0.1, -3), (0.05, 5))
    computed = operator(name).compute(node, [np.arange(-128, 128, dtype=np.int8)])[0]
    np.testing.assert_array_equal(np.roll(computed, 128), table(node))


def test_logistic_is_one_half_at_zero_and_saturates():
    answers = table(lookup_node("LOGISTIC", (0.1, 0), None))
    assert answers[0] == 0
    assert (answers[127], answers[128]) == (127, -128)


def test_relu6_keeps_stored_values_between_zero_and_six():
    answers = table(lookup_node("RELU6", (0.5, -10), (3.0, 77)))
    np.testing.assert_array_equal(answers, np.clip(EVERY_BYTE, -10, 2))


@pytest.mark.parametrize(
    ("name", "x", "y", "options", "what"),
    [
        ("RELU", (1e30, 0), (1e-5, 0), {}, "requantization factor"),
        ("LEAKY_RELU", (0.1, 0), (0.1, 0), {"alpha": float("inf")}, "requantization factor"),
        ("LEAKY_RELU", (0.1, 0), (0.1, 0), {"alpha": float("nan")}, "requantization factor"),
        ("HARD_SWISH", (10.0, 0), (0.01, 0), {}, "too far apart"),
        ("HARD_SWISH", (0.001, 0), (1.0, 0), {}, "too far apart"),
        ("TANH", (1e20, 0), None, {}, "requantization factor"),
        ("QUANTIZE", (1e30, 0), (1.0, 0), {}, "requantization factor"),
    ],
)
def test_scales_out_of_reach_are_refused(name, x, y, options, what):
    with pytest.raises(UnsupportedError, match=rf"layer 'lookup' \({name}\).*{what}"):
        operator(name).check(lookup_node(name, x, y, **options))


def test_logistic_refuses_another_output_zero_point():
    node = lookup_node("LOGISTIC", (0.1, 0), None)
    node = node.replace(outputs=(quantized("output", (256,), 1 / 256, 0),))
    with pytest.raises(UnsupportedError, match="scale 1/256 and zero point -128"):
        operator("LOGISTIC").check(node)


def quantize(values, scale, zero_point):
    x = Tensor("input", values.shape, values.dtype)
    y = quantized("output", values.shape, scale, zero_point)
    node = Node("QUANTIZE", "quantize", (x,), (y,))
    operator("QUANTIZE").check(node)
    return operator("QUANTIZE").compute(node, [values])[0]


def test_float_quantization_rounds_halves_away_and_saturates():
    values = np.array(
        [0.5, -0.5, 1.5, 2.5, -2.5, 0.49999997, -0.49999997, 1e30, -1e30, np.inf, -np.inf, np.nan],
        np.float32,
    )
    expected = [1, -1, 2, 3, -3, 0, 0, 127, -128, 127, -128, 0]
    assert quantize(values, 1.0, 0).tolist() == expected
    shifted = [6, 4, 7, 8, 2, 5, 5, 127, -128, 127, -128, 5]
    assert quantize(values, 1.0, 5).tolist() == shifted
