"""Recipes with an exit: what they report, and what they refuse."""

import numpy as np
import pytest
from classifiers import blobs, convolutional

from tinygen import boards, data
from tinygen.compress import cost, early_exit, recipe, run
from tinygen.compress.dataset import Dataset
from tinygen.errors import ConfigError, DataError
from tinygen.progress import Silent
from tinygen.verify.batch import run_batch

BOARD = boards.load_board("mps2_an386")
STEPS = [
    {"do": "train", "epochs": 12, "learning_rate": 0.02, "batch": 16},
    {
        "do": "early_exit",
        "at": "flat",
        "epochs": 10,
        "learning_rate": 0.01,
        "batch": 16,
        "loss": 0.1,
    },
    {"do": "qat", "epochs": 1, "batch": 16},
]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Costs by estimate."""
    monkeypatch.setattr(cost, "measure", lambda model, board: cost.estimate(model, board).cost)


def executed(steps, folder, samples):
    convolutional(width=4).save(folder / "small.keras")
    made = recipe.Recipe.model_validate({"seed": 4, "step": steps})
    return run.run(folder / "small.keras", made, samples, BOARD, folder / "work", Silent())


@pytest.mark.slow
@pytest.mark.parametrize("train", ["joint", "head"])
def test_a_recipe_gives_two_outputs_and_a_threshold(tmp_path, train):
    samples = blobs(count=160)
    steps = [STEPS[0], STEPS[1] | {"train": train}, STEPS[2]]
    made = executed(steps, tmp_path, samples)
    plain, with_exit, final = made.report.steps[1:]
    assert (plain.exit_rate, plain.exit_threshold) == (None, None)
    assert with_exit.exit_rate is not None
    assert with_exit.macs > plain.macs
    graph = made.model.graph
    outputs = run_batch(graph, [data.quantize(samples.test.x, graph.inputs[0])])
    at_exit, late = ((values.astype(float) + 128) / 256 for values in outputs)
    leaving = at_exit.max(axis=1) >= final.exit_threshold
    answers = np.where(leaving, at_exit.argmax(1), late.argmax(1))
    assert final.exit_rate == leaving.mean() > 0
    assert final.accuracy == np.mean(answers == samples.test.y) > 0.8
    _, held = samples.validated()
    kept = run_batch(graph, [data.quantize(held.x, graph.inputs[0])])
    real = [(values.astype(float) + 128) / 256 for values in kept]
    assert early_exit.choose(*real, held.y, 0.1).threshold == final.exit_threshold


def test_samples_for_the_threshold_are_not_trained_with():
    samples = blobs(count=160)
    kept, held = samples.validated()
    assert (len(kept.train), len(held), len(kept.test)) == (70, 10, 80)
    seen = {x.tobytes() for x in kept.train.x}
    assert not seen & {x.tobytes() for x in held.x}
    assert seen | {x.tobytes() for x in held.x} == {x.tobytes() for x in samples.train.x}
    few = type(kept.train)(kept.train.x[:7], kept.train.y[:7])
    with pytest.raises(DataError, match="7 training samples are too few"):
        Dataset(few, kept.test).validated()


@pytest.mark.parametrize(
    ("steps", "what"),
    [
        ('[[step]]\ndo = "cluster"\n', "step 2 is 'cluster', which is not done"),
        ("distill = {}\n", "step 1 is 'early_exit' with distill"),
        ('[[step]]\ndo = "early_exit"\nat = "b"\nepochs = 1\n', "step 2 is 'early_exit', which"),
    ],
)
def test_what_is_not_done_behind_an_exit_is_refused(tmp_path, steps, what):
    file = tmp_path / "recipe.toml"
    start = '[[step]]\ndo = "early_exit"\nat = "a"\nepochs = 1\n'
    file.write_text(f'{start}{steps}[[step]]\ndo = "ptq"\n')
    with pytest.raises(ConfigError, match=what):
        recipe.load(file)
