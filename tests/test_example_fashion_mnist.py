"""The training step of examples/fashion_mnist, shortened."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parent.parent / "examples" / "fashion_mnist" / "train.py"


@pytest.fixture
def train():
    spec = importlib.util.spec_from_file_location("train", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not module.DATASET.is_dir():
        pytest.skip("Fashion-MNIST is not installed (Debian package dataset-fashion-mnist)")
    return module


@pytest.mark.slow
def test_data_are_images_and_classes(train):
    (x_train, y_train), (x_test, y_test) = train.load()
    assert x_train.shape == (60_000, 28, 28, 1)
    assert x_test.shape == (10_000, 28, 28, 1)
    assert (x_test.min(), x_test.max(), x_test.dtype) == (0, 1, np.float32)
    assert np.bincount(y_train).tolist() == [6_000] * 10
    assert np.bincount(y_test).tolist() == [1_000] * 10


@pytest.mark.slow
def test_a_short_training_learns_and_survives_quantization(train):
    pytest.importorskip("tensorflow")
    import keras

    from tinygen import data, reference
    from tinygen.compress.export import quantize
    from tinygen.ops import operator

    keras.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = train.load()
    model = train.network()
    train.train(model, x_train[:6_000], y_train[:6_000], epochs=2)
    expected = model.predict(x_test[:300], verbose=0).argmax(1)
    graph = quantize(model, x_train[:200], "fashion_mnist")
    output = graph.outputs[0]
    found = np.array(
        [
            reference.run(graph, [x[np.newaxis]])[output].argmax()
            for x in data.quantize(x_test[:300], graph.inputs[0])
        ]
    )
    assert np.mean(expected == y_test[:300]) > 0.7
    assert np.mean(found == expected) > 0.95
    weights = sum(node.input(1).size for node in graph.nodes if operator(node.op).macs(node))
    macs = sum(operator(node.op).macs(node) for node in graph.nodes)
    assert f"{weights:,} weights, {macs / 1e6:.2f} million" in train.network.__doc__
