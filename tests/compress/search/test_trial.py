"""Candidates that are really trained, compiled and measured; tiny ones."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest
from classifiers import blobs, convolutional

from tinygen import boards
from tinygen.compress import cost, run, steps
from tinygen.compress.search import trial
from tinygen.compress.search.budget import Budget
from tinygen.compress.search.candidate import candidate
from tinygen.compress.search.space import Space
from tinygen.errors import DataError
from tinygen.frontend import tflite
from tinygen.progress import Silent

pytestmark = pytest.mark.slow
pytest.importorskip("optuna", reason="optuna is not installed (extra 'train')")
pytest.importorskip("keras", reason="TensorFlow is not installed (extra 'train')")
BOARD = boards.load_board("nucleo_l4r5zi")
NETWORKS = Space.model_validate(
    {
        "batch": 16,
        "network": {"family": "ds_cnn", "width": 0.25, "epochs": 2},
        "prune": {"to": 0.8, "epochs": 1},
        "distill": {"weight": 0.5},
        "quantize": {"do": "qat", "epochs": 1},
    }
)


class Interrupted(Exception):
    """Stands for a kill."""


class Stops(Silent):
    """Progress that ends the run at a line of the log."""

    def step(self, text):
        if text.startswith("step 2"):
            raise Interrupted


def first(name, among):
    return among[0]


def site(dataset=None):
    return trial.Site.of(None, dataset or blobs(), BOARD)


def evaluate(folder, budget=None, progress=None):
    chosen = candidate(NETWORKS, first, 7)
    return trial.evaluate(chosen, site(), budget or Budget(), folder, progress or Silent())


def test_a_network_is_built_trained_pruned_taught_and_measured(tmp_path):
    whole = evaluate(tmp_path / "whole")
    graph = tflite.read((tmp_path / "whole" / trial.TFLITE).read_bytes(), "network")
    assert whole.accuracy == steps.accuracy(steps.State(None, graph), site().dataset.test)
    assert whole.test_accuracy == steps.accuracy(steps.State(None, graph), site().test)
    exact = cost.measure(graph, BOARD)
    assert whole.costs == (exact.cycles_modelled, exact.ram_bytes, exact.flash_bytes)
    assert whole.latency_ms == pytest.approx(exact.cycles_modelled / BOARD.clock.hz * 1e3)
    with pytest.raises(Interrupted):
        evaluate(tmp_path / "killed", progress=Stops())
    assert evaluate(tmp_path / "killed") == whole
    models = [(tmp_path / name / trial.TFLITE).read_bytes() for name in ("whole", "killed")]
    assert models[0] == models[1]


def test_what_breaks_the_budget_by_estimate_is_not_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "run", None)
    with pytest.raises(trial.HopelessError, match=r"cycles_modelled .* above the budget"):
        evaluate(tmp_path, Budget(cycles_modelled=100))
    assert not list(tmp_path.iterdir())


def test_samples_that_choose_are_not_those_kept_for_last():
    data = blobs(count=96)
    made = site(data)
    parts = np.concatenate([made.dataset.test.x, made.test.x])
    assert len(made.dataset.test) == len(made.test) == 24
    assert sorted(map(np.sum, parts)) == sorted(map(np.sum, data.test.x))
    assert made.dataset.train is data.train
    with pytest.raises(DataError, match="there are 4 test samples, and a search parts them in two"):
        site(blobs(count=8))


SPACE = """
batch = 16
[prune]
to = { from = 0.3, to = 1.0 }
epochs = 2
[quantize]
do = ["ptq", "qat"]
epochs = 1
"""


def test_a_killed_search_loses_no_finished_trial(tmp_path):
    data = blobs(count=160)
    parts = {"train": data.train, "test": data.test}
    arrays = {f"{a}_{name}": getattr(part, a) for name, part in parts.items() for a in "xy"}
    np.savez(tmp_path / "blobs.npz", **arrays)
    convolutional(width=8).save(tmp_path / "model.keras")
    (tmp_path / "space.toml").write_text(SPACE)
    command = [sys.executable, "-m", "tinygen", "search", "model.keras", "--data", "blobs.npz"]
    command += ["--space", "space.toml", "--board", BOARD.name, "--trials", "2", "-o", "found"]
    with (tmp_path / "log").open("w") as log:
        worker = subprocess.Popen(command, cwd=tmp_path, stderr=log, stdout=log)
        while "trial 1: step 1" not in (tmp_path / "log").read_text():
            assert worker.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.1)
        worker.kill()
        worker.wait()
    accuracy = next(x for x in (tmp_path / "log").read_text().splitlines() if "accuracy" in x)
    done = subprocess.run(
        [*command, "--json", "-"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    report = json.loads(done.stdout)
    assert "trial 1: its worker was killed, it is taken up again" in done.stderr
    assert "trial 0: step" not in done.stderr
    assert [found["state"] for found in report["trials"]] == ["finished"] * 2
    assert f"trial 0: accuracy {report['trials'][0]['figures']['accuracy']:.4f}" in accuracy
    assert report["plain"]["accuracy"] <= 1
    assert "Pareto front of 2 trials on nucleo_l4r5zi" in done.stderr
