"""Many inferences by generated C: the bytes of the reference, and fast enough to ask for."""

from pathlib import Path

import numpy as np
import pytest

from tinygen import reference
from tinygen.errors import DataError
from tinygen.frontend import tflite
from tinygen.verify.batch import run_batch

MODELS = Path(__file__).parent / "models"


def graph_of(name):
    return tflite.load(MODELS / f"{name}.tflite")


def drawn(graph, count):
    generator = np.random.default_rng(0)
    return [generator.integers(-128, 128, (count, *t.shape[1:]), np.int8) for t in graph.inputs]


@pytest.mark.parametrize("name", ["digits_separable", "digits_autoencoder"])
def test_every_byte_is_that_of_the_reference(name):
    graph = graph_of(name)
    inputs = drawn(graph, 7)
    outputs = run_batch(graph, inputs)
    for index in range(7):
        values = reference.run_all(graph, [tuple(a[index : index + 1] for a in inputs)])[0]
        for tensor, got in zip(graph.outputs, outputs, strict=True):
            assert got.shape == (7, *tensor.shape[1:])
            assert got[index].tobytes() == values[tensor].tobytes()


def test_ten_thousand_samples_do_not_hang_on_each_other():
    graph = graph_of("digits_separable")
    inputs = drawn(graph, 10)
    few, many = (run_batch(graph, [np.tile(a, (n, 1, 1, 1)) for a in inputs]) for n in (1, 1000))
    assert np.array_equal(many[0], np.tile(few[0], (1000, 1)))


def test_what_does_not_fit_is_refused():
    graph = graph_of("digits_separable")
    with pytest.raises(DataError, match=r"is given as float32 .* but takes int8"):
        run_batch(graph, [drawn(graph, 2)[0].astype(np.float32)])
    with pytest.raises(DataError, match=r"is given as int8 \(2, 64\)"):
        run_batch(graph, [drawn(graph, 2)[0].reshape(2, 64)])
