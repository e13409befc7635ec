"""Bit for bit what TFLiteConverter computes: weights, scales, zero points, biases.

It runs in a process of its own, since it crashes on models that it does not like. Only its
built-in operators are met; see the exporter for where it is left on purpose.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tflite as schema
from keras_layers import L, keras

from tinygen.compress.export import float_graph, to_int8
from tinygen.compress.fold import CHANNEL_AXIS
from tinygen.compress.scales import Range
from tinygen.frontend import tflite

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("tensorflow") is None,
        reason="TensorFlow is not installed (extra 'train')",
    ),
]

CONVERT = Path(__file__).with_name("convert.py")
CONVERT_TRAINED = Path(__file__).with_name("convert_trained.py")
NAMES = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}


SPELLED_OTHERWISE = {"CONCATENATION", "RESHAPE"}
"""Operators whose options say the same in two ways (axis -1 or 3, a shape in an input or not)."""


def network():
    """Most operators, with normalization on both sides of every kind of layer with weights."""

    def normalized(x, layer, activation):
        return activation(L.BatchNormalization()(layer(x)))

    image = L.Input((16, 16, 3), batch_size=1)
    x = normalized(image, L.Conv2D(8, 3, padding="same"), L.ReLU())
    a = normalized(x, L.DepthwiseConv2D(3, padding="same", use_bias=False), L.ReLU(max_value=6.0))
    b = L.BatchNormalization()(L.Conv2D(8, 1)(a))
    x = L.ReLU()(L.Add()([a, b]))
    x = L.Concatenate()([x, L.Conv2D(4, 3, padding="same", activation="relu")(x)])
    x = L.MaxPooling2D()(x)
    x = L.LeakyReLU(0.1)(L.Conv2D(8, 1, use_bias=False)(x))
    x = L.AveragePooling2D(2)(L.Multiply()([x, x]))
    y = L.GlobalAveragePooling2D()(x)
    x = normalized(L.Flatten()(x), L.Dense(16, use_bias=False), L.ReLU())
    x = L.Dense(12, activation="tanh")(L.Concatenate()([x, y]))
    return keras.Model(image, L.Dense(10, activation="softmax")(x))


def with_random_weights(model):
    random = np.random.default_rng(0)
    for layer in model.layers:
        for weight in layer.weights:
            if len(weight.shape) == 1:
                low = 0.3 if weight.name in ("gamma", "moving_variance") else -1
                weight.assign(random.uniform(low, low + 2, weight.shape))
    return model


def seen_ranges(content):
    """Per operator in execution order its name and the range of its output; that of the input."""
    model = schema.Model.GetRootAs(content, 0)
    graph = model.Subgraphs(0)

    def span(index):
        quantization = graph.Tensors(index).Quantization()
        if quantization is None or not quantization.MinLength():
            return None
        return Range(float(quantization.Min(0)), float(quantization.Max(0)))

    operators = []
    for index in range(graph.OperatorsLength()):
        node = graph.Operators(index)
        name = NAMES[model.OperatorCodes(node.OpcodeIndex()).BuiltinCode()]
        operators.append((name, span(node.Outputs(0))))
    return operators, span(graph.Inputs(0))


def by_kind(pairs):
    """Values by operator name, in order."""
    found = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """The model, and the folder of what the converter made of it."""
    folder = tmp_path_factory.mktemp("converted")
    keras.utils.set_random_seed(3)
    model = with_random_weights(network())
    model.save(folder / "model.keras")
    samples = np.random.default_rng(4).uniform(-1, 1, (40, 16, 16, 3)).astype(np.float32)
    np.save(folder / "samples.npy", samples)
    subprocess.run(
        [sys.executable, CONVERT, folder / "model.keras", folder / "samples.npy", folder],
        check=True,
        capture_output=True,
    )
    return model, folder


@pytest.mark.parametrize("name", ["channels", "tensors"])
def test_the_same_bits(converted, name):
    model, folder = converted
    graph = float_graph(model, "m")
    operators, of_input = seen_ranges((folder / "calibrated.tflite").read_bytes())
    seen = by_kind(operators)
    ranges = {graph.inputs[0].name: of_input}
    for kind, nodes in by_kind((node.op, node) for node in graph.nodes).items():
        for node, span in zip(nodes, seen[kind], strict=True):
            ranges[node.output.name] = span

    ours = to_int8(graph, ranges, per_channel_dense=name == "channels")
    theirs = tflite.load(folder / f"{name}.tflite")
    expected = by_kind((node.op, node) for node in theirs.nodes)
    found = by_kind((node.op, node) for node in ours.nodes)
    assert {k: len(v) for k, v in found.items()} == {k: len(v) for k, v in expected.items()}
    for kind, nodes in found.items():
        for node, wanted in zip(nodes, expected[kind], strict=True):
            assert node.options == wanted.options or kind in SPELLED_OTHERWISE
            assert node.output.quantization == wanted.output.quantization
            for tensor, other in zip(node.inputs, wanted.inputs, strict=True):
                assert (tensor is None) == (other is None)
                if tensor is not None and kind != "RESHAPE":
                    assert tensor.quantization == other.quantization
                    if tensor.is_constant:
                        np.testing.assert_array_equal(tensor.constant, other.constant)


def test_the_same_bits_after_training(tmp_path):
    """Weights and ranges that training has moved, through nodes of fake quantization."""
    subprocess.run([sys.executable, CONVERT_TRAINED, tmp_path], check=True, capture_output=True)
    ours, theirs = (tflite.load(tmp_path / f"{name}.tflite") for name in ("ours", "theirs"))
    assert [node.op for node in ours.nodes] == [node.op for node in theirs.nodes]
    assert ours.inputs[0].quantization == theirs.inputs[0].quantization
    for node, wanted in zip(ours.nodes, theirs.nodes, strict=True):
        assert node.output.quantization == wanted.output.quantization
        if node.op not in CHANNEL_AXIS:
            continue
        assert node.input(1).quantization == wanted.input(1).quantization
        for index in (1, 2):
            np.testing.assert_array_equal(node.input(index).constant, wanted.input(index).constant)
        # Here the converter multiplies in double precision; no kernel reads these scales.
        np.testing.assert_allclose(
            node.input(2).quant.scales, wanted.input(2).quant.scales, rtol=2**-22
        )
