"""The committed networks do what tests/models/README.md says of them."""

from pathlib import Path

import numpy as np
import pytest

from tinygen import data, oracle, reference
from tinygen.frontend import tflite

MODELS = Path(__file__).parent / "models"
NAMES = sorted(path.stem for path in MODELS.glob("*.tflite"))


def samples_of(name, graph):
    return data.load(MODELS / f"{name}.npz", graph.inputs)


@pytest.mark.parametrize(
    ("name", "correct", "count"), [("fashion_cnn", 87, 100), ("digits_separable", 195, 200)]
)
def test_classifiers(name, correct, count):
    graph = tflite.load(MODELS / f"{name}.tflite")
    samples = samples_of(name, graph)
    output = graph.outputs[0]
    found = [data.predicted(reference.run(graph, x)[output], output) for x in samples]
    assert len(found) == count
    assert int(np.sum(found == samples.labels)) == correct


def test_the_autoencoder_rebuilds_what_it_is_given():
    graph = tflite.load(MODELS / "digits_autoencoder.tflite")
    x, y = graph.inputs[0], graph.outputs[0]

    def real(value, tensor):
        return (value.astype(np.float32) - tensor.quant.zero_point) * tensor.quant.scale

    squares = [
        (real(reference.run(graph, inputs)[y], y) - real(inputs[0], x)) ** 2
        for inputs in samples_of("digits_autoencoder", graph)
    ]
    assert np.mean(squares) < 0.03


@pytest.mark.skipif(not oracle.available(), reason="tflite-micro is not installed (extra 'verify')")
@pytest.mark.parametrize("name", NAMES)
def test_every_tensor_equals_the_oracle(name):
    path = MODELS / f"{name}.tflite"
    graph = tflite.load(path)
    interpreter = oracle.Oracle(path.read_bytes())
    for inputs in list(samples_of(name, graph))[:10]:
        values, exact = reference.run(graph, inputs), interpreter.run(inputs)
        for node in graph.nodes:
            np.testing.assert_array_equal(values[node.output], exact[node.output.source])


def test_together_they_cover_what_networks_are_made_of():
    met = {node.op for name in NAMES for node in tflite.load(MODELS / f"{name}.tflite").nodes}
    assert met >= {
        "ADD",
        "CONCATENATION",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "FULLY_CONNECTED",
        "MAX_POOL_2D",
        "MEAN",
        "RESHAPE",
        "SOFTMAX",
    }


def test_they_stay_small():
    assert sum(path.stat().st_size for path in MODELS.iterdir()) < 300_000
