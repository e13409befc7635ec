"""The numpy reference and the oracle as callables: their inputs, and what they refuse."""

import numpy as np
import pytest

from tinygen import oracle, reference
from tinygen.errors import DataError, ToolchainError
from tinygen.ir import Graph
from tinygen.ops import operator
from tinygen.ops.base import quantized
from tinygen.ops.sampling import SeededDraw, stimuli
from tinygen.tflite_format.writer import write


def two_layers():
    """(a + b) * a, with two inputs and two outputs."""
    options = operator("ADD").options_type()
    a, b = (quantized(name, (1, 2, 3), 0.1, 4) for name in "ab")
    total = quantized("total", (1, 2, 3), 0.2, -3)
    product = quantized("product", (1, 2, 3), 0.5, 1)
    add = operator("ADD").sample(SeededDraw(0))
    add = add.replace(name="add", inputs=(a, b), outputs=(total,), options=options)
    mul = add.replace(op="MUL", name="mul", inputs=(total, a), outputs=(product,))
    return Graph("two", (a, b), (total, product), (add, mul))


def test_reference_gives_every_activation():
    graph = two_layers()
    values = reference.run(graph, [np.zeros((1, 2, 3), np.int8)] * 2)
    assert set(values) == set(graph.tensors())


def test_reference_refuses_a_missing_input():
    with pytest.raises(DataError, match="takes 2 inputs and 1 were given"):
        reference.run(two_layers(), [np.zeros((1, 2, 3), np.int8)])


@pytest.mark.parametrize("wrong", [np.zeros((2, 3), np.int8), np.zeros((1, 2, 3), np.float32)])
def test_reference_refuses_data_that_does_not_fit(wrong):
    with pytest.raises(DataError, match="input 'b' takes int8"):
        reference.run(two_layers(), [np.zeros((1, 2, 3), np.int8), wrong])


@pytest.mark.skipif(not oracle.available(), reason="tflite-micro is not installed")
def test_oracle_gives_every_activation_of_every_run():
    graph = two_layers()
    number = dict(enumerate(graph.tensors()))
    interpreter = oracle.Oracle(write(graph))
    for inputs in stimuli(graph.inputs, 3, 3):
        expected = reference.run(graph, inputs)
        found = interpreter.run(inputs)
        assert {number[i] for i in found} == set(expected)
        for i, value in found.items():
            np.testing.assert_array_equal(value, expected[number[i]])


def test_oracle_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(oracle, "available", lambda: False)
    with pytest.raises(ToolchainError, match=r"pip install 'tinygen\[verify\]'"):
        oracle.run(b"", [])


@pytest.mark.skipif(not oracle.available(), reason="tflite-micro is not installed")
def test_oracle_grows_its_arena_until_the_model_fits(monkeypatch):
    monkeypatch.setattr(oracle, "_SMALLEST_ARENA", 20_000)
    a, b = (quantized(name, (1, 100, 100), 0.1, 4) for name in "ab")
    add = two_layers().nodes[0].replace(inputs=(a, b))
    y = quantized("y", a.shape, 0.2, -3)
    graph = Graph("large", (a, b), (y,), (add.replace(outputs=(y,)),))
    assert len(oracle.run(write(graph), [np.zeros(a.shape, np.int8)] * 2)) == 3


@pytest.mark.skipif(not oracle.available(), reason="tflite-micro is not installed")
def test_oracle_says_so_where_the_interpreter_refuses_a_model(monkeypatch):
    monkeypatch.setattr(oracle, "_LARGEST_ARENA", 1 << 20)
    pool = operator("MAX_POOL_2D").sample(SeededDraw(0))
    y = quantized("y", pool.output.shape, 3.0, 7)
    graph = Graph("refused", pool.activations, (y,), (pool.replace(outputs=(y,)),))
    with pytest.raises(ToolchainError, match="does not accept the model"):
        oracle.Oracle(write(graph))
