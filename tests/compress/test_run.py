"""A recipe from start to end, and from wherever it was interrupted to the same bytes."""

import shutil

import numpy as np
import pytest
from classifiers import blobs, convolutional

from tinygen import boards, data, reference
from tinygen.compress import cost, recipe, run, steps
from tinygen.compress.export import quantize
from tinygen.errors import ConfigError, UnsupportedError
from tinygen.frontend import keras as files
from tinygen.progress import Silent
from tinygen.tflite_format.writer import write

BOARD = boards.load_board("mps2_an386")
TEACHER = {"temperature": 2.0}
RECIPE = recipe.Recipe.model_validate(
    {
        "seed": 4,
        "step": [
            {"do": "train", "epochs": 4, "learning_rate": 0.02, "batch": 16, "augment": ["noise"]},
            {"do": "cluster", "values": 8, "epochs": 1, "batch": 16},
            {"do": "qat", "epochs": 2, "batch": 16, "distill": TEACHER},
        ],
    }
)


class Interrupted(Exception):
    """Stands for a kill."""


class Stops(Silent):
    """Progress that ends the run at a line of the log."""

    def __init__(self, line):
        self.line = line

    def step(self, text):
        if self.line in text:
            raise Interrupted


class Notes(Silent):
    """Progress that keeps its lines."""

    def __init__(self):
        self.lines = []

    def step(self, text):
        self.lines.append(text)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "small.keras"
    convolutional(width=4, dropout=0.2).save(path)
    return path


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Costs by estimate and accuracies by Keras: this is about the order of things."""
    real = steps.accuracy
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cost, "measure", lambda model, board: cost.estimate(model, board).cost)
        patch.setattr(steps, "accuracy", lambda state, data: real(steps.State(state.model), data))
        yield real


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("run") / "whole"


@pytest.fixture(scope="module")
def whole(model, folder):
    return run.run(model, RECIPE, blobs(), BOARD, folder, Silent())


def test_every_step_is_reported(whole):
    assert [step.step for step in whole.report.steps] == ["start", "train", "cluster", "qat"]
    assert [step.int8 for step in whole.report.steps] == [False, False, False, True]
    first, trained = whole.report.steps[:2]
    assert trained.accuracy > first.accuracy
    assert whole.report.steps[2].weights_stream_bytes < trained.weights_stream_bytes
    assert whole.report.test_samples == 48
    assert write(whole.model.graph) == whole.model.data


LINES = [
    "qat: epoch 1",
    *(
        pytest.param(line, marks=pytest.mark.slow)
        for line in ("train: epoch 2", "step 2", "cluster: epoch 1", "step 3")
    ),
]


@pytest.mark.parametrize("line", LINES)
def test_an_interrupted_run_ends_with_the_same_bytes(model, whole, tmp_path, line):
    work = tmp_path / "work"
    with pytest.raises(Interrupted):
        run.run(model, RECIPE, blobs(), BOARD, work, Stops(line))
    again = run.run(model, RECIPE, blobs(), BOARD, work, Silent())
    assert again.model.data == whole.model.data
    assert again.report == whole.report


def test_a_finished_run_is_not_done_again(model, whole, folder):
    notes = Notes()
    again = run.run(model, RECIPE, blobs(), BOARD, folder, notes)
    assert again.model.data == whole.model.data
    assert not [line for line in notes.lines if "epoch" in line]


@pytest.mark.parametrize("changed", ["recipe", "data", "model", "board"])
def test_anything_else_starts_from_the_beginning(model, whole, folder, tmp_path, changed):
    given = {"model": model, "recipe": RECIPE, "data": blobs(), "board": BOARD}
    if changed == "recipe":
        given["recipe"] = RECIPE.model_copy(update={"seed": 5})
    elif changed == "data":
        given["data"] = blobs(seed=1)
    elif changed == "board":
        given["board"] = boards.load_board("mps2_an505")
    else:
        given["model"] = tmp_path / "other.keras"
        convolutional(seed=1, width=4).save(given["model"])
    copy = shutil.copytree(folder, tmp_path / "copy")
    with pytest.raises(Interrupted):
        run.run(*given.values(), copy, Stops("train: epoch 1"))


def test_a_folder_with_other_files_is_left_alone(model, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="was not written by tinygen"):
        run.run(model, RECIPE, blobs(), BOARD, tmp_path, Silent())
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_models_that_cannot_be_compressed(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.keras cannot be read"):
        run.run(tmp_path / "none.keras", RECIPE, blobs(), BOARD, tmp_path / "w", Silent())
    import keras

    path = tmp_path / "lambda.keras"
    x = keras.Input((6, 6, 1))
    keras.Model(x, keras.layers.Lambda(lambda v: v * 2)(x)).save(path)
    with pytest.raises(UnsupportedError, match=r"\(Lambda\) runs Python code of its own"):
        run.run(path, RECIPE, blobs(), BOARD, tmp_path / "w", Silent())


def test_accuracy_after_quantization_is_that_of_the_reference(model, quick):
    samples = blobs(count=40).test
    trained = files.load(model)
    graph = quantize(trained, samples.x, "small")
    stored = data.quantize(samples.x, graph.inputs[0])
    found = [
        int(np.argmax(reference.run(graph, [x[np.newaxis]])[graph.outputs[0]])) for x in stored
    ]
    state = steps.State(trained, graph)
    assert quick(state, samples) == np.mean(found == samples.y)
