import dataclasses
import re

import loopback
import numpy as np
import pytest
from tiny_models import two_convs

from tinygen import compiler, cores, data, reference, trial
from tinygen.device.session import Session
from tinygen.device.transport import SerialTransport
from tinygen.errors import DataError, ProofError
from tinygen.progress import Silent

GRAPH = two_convs()
SAMPLES = data.random(GRAPH.inputs, 5)


@pytest.fixture(scope="module")
def compiled():
    return compiler.compile_graph(GRAPH, cores.core("cortex-m3"), kernels="tinygen")


@pytest.fixture(scope="module")
def right(compiled, tmp_path_factory):
    return loopback.build(tmp_path_factory.mktemp("right"), compiled)


def run(executable, samples):
    with (
        loopback.Loopback(executable) as device,
        Session(SerialTransport(device.url)) as session,
    ):
        return trial.run(session, GRAPH, samples, Silent())


def classes(samples):
    return [
        data.predicted(reference.run(GRAPH, inputs)[GRAPH.outputs[0]], GRAPH.outputs[0])
        for inputs in samples
    ]


def test_outputs_of_the_device_are_the_reference(right):
    outcome = run(right, SAMPLES)
    assert (outcome.samples, outcome.correct, outcome.mismatches) == (5, None, 0)
    outcome.enforce()


def test_classes_that_are_right_are_counted(right):
    labels = np.array(classes(SAMPLES))
    labels[[1, 3]] = (labels[[1, 3]] + 1) % GRAPH.outputs[0].size
    outcome = run(right, data.Samples(SAMPLES.inputs, labels))
    assert (outcome.samples, outcome.correct) == (5, 3)


def test_a_label_the_model_cannot_give_is_refused(right):
    samples = data.Samples(SAMPLES.inputs, np.array([0, 1, 2, 3, 40]))
    with pytest.raises(DataError, match=r"labels reach from 0 to 40, .* 0 to 39"):
        run(right, samples)


@pytest.mark.parametrize("layer", ["conv1", "conv2"])
def test_a_wrong_layer_is_named(compiled, tmp_path, layer):
    weights = compiled.files["weights.c"]
    bias = re.search(rf"{layer}_bias\[\d+\] = \{{\s*(-?\d+)", weights)
    changed = f"{weights[: bias.start(1)]}{int(bias[1]) + 100_000}{weights[bias.end(1) :]}"
    wrong = dataclasses.replace(compiled, files=compiled.files | {"weights.c": changed})
    outcome = run(loopback.build(tmp_path, wrong), SAMPLES)
    assert outcome.mismatches == 5
    difference = outcome.difference
    assert (difference.sample, difference.layer) == (0, layer)
    (node,) = [node for node in compiled.graph.nodes if node.name == layer]
    inputs = [array[0] for array in SAMPLES.inputs]
    assert np.array_equal(difference.expected, reference.run(compiled.graph, inputs)[node.output])
    # The bias is that of the first channel, and it is large.
    assert set(np.argwhere(difference.device != difference.expected)[:, -1]) == {0}
    assert re.search(r"in \d+ of \d+ values, as at \[0, .*\]: -?\d+, not -?\d+$", str(difference))
    saved = outcome.saved(tmp_path).difference
    assert str(saved).endswith(f"both tensors are in {saved.file}")
    with np.load(saved.file) as tensors:
        assert np.array_equal(tensors["device"], difference.device)
        assert np.array_equal(tensors["expected"], difference.expected)
    with pytest.raises(ProofError, match=rf"5 of 5 inferences .* layer '{layer}'"):
        outcome.enforce()
