"""Searches end with as many trials as are wanted, whatever happens to their workers."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tinygen.compress.search import searching, trial, worker
from tinygen.errors import BudgetError, ConfigError, ModelError, ToolchainError
from tinygen.progress import Silent

pytest.importorskip("optuna", reason="optuna is not installed (extra 'train')")
HERE = Path(__file__).parent
spec = importlib.util.spec_from_file_location("simulated", HERE / "simulated.py")
simulated = importlib.util.module_from_spec(spec)
spec.loader.exec_module(simulated)


@pytest.fixture
def evaluated(monkeypatch):
    """Simulated candidates instead of trained ones: those that were asked for, and what happens."""

    class Evaluated(list):
        def happens(self, candidate):
            return simulated.figures(candidate)

    asked = Evaluated()

    def evaluate(candidate, site, budget, folder, progress):
        asked.append(candidate)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / trial.TFLITE).write_bytes(b"model")
        return asked.happens(candidate)

    monkeypatch.setattr(trial, "evaluate", evaluate)
    return asked


def run(*arguments, **named):
    return searching.run(simulated.search(*arguments, **named), Silent())


def states(report):
    return [found.state for found in report.trials]


def test_a_search_goes_on_until_it_has_enough(evaluated, tmp_path):
    report = run(tmp_path, 4)
    assert states(report) == ["finished"] * 4
    assert json.loads((tmp_path / "search.json").read_text()) == json.loads(report.json_text())
    assert report.front
    assert sorted(path.name for path in (tmp_path / "front").iterdir()) == sorted(
        f"{found.number:04}.tflite" for found in report.front
    )
    assert run(tmp_path, 4) == report
    assert len(evaluated) == 4
    more = run(tmp_path, 6)
    assert len(evaluated) == 6
    assert [t.figures for t in more.trials[:4]] == [t.figures for t in report.trials]


@pytest.mark.slow
def test_the_picture_is_the_same_for_the_same_report(evaluated, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra 'report')")
    run(tmp_path, 2)
    picture = (tmp_path / "search.svg").read_bytes()
    assert b"networks of the zoo on nucleo_l4r5zi" in picture
    run(tmp_path, 2)
    assert (tmp_path / "search.svg").read_bytes() == picture


def test_candidates_without_hope_and_failed_ones_do_not_count(evaluated, tmp_path):
    def happens(candidate):
        if len(evaluated) == 1:
            raise ModelError("it has no channels")
        if candidate.architecture.width > 0.6:
            raise trial.HopelessError({"ram_bytes": 0.5})
        return simulated.figures(candidate)

    evaluated.happens = happens
    report = run(tmp_path, 4)
    assert states(report).count("finished") == 4
    assert "infeasible" in states(report)
    reasons = {found.state: found.reason for found in report.trials}
    assert reasons["infeasible"] == "ram_bytes 50% above the budget, by estimate"
    assert states(report)[0] == "failed"
    assert report.trials[0].reason == "it has no channels"


@pytest.mark.slow
def test_a_space_that_is_used_up_ends_the_search(evaluated, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "_DRAWS", 2)
    space = {"network": {"family": "resnet", "width": [0.25, 0.5], "epochs": 1}}
    report = run(tmp_path, 3, space)
    assert states(report) == ["finished"] * 2
    assert {c.architecture.width for c in evaluated} == {0.25, 0.5}


@pytest.mark.slow
def test_nothing_within_the_budget(evaluated, tmp_path):
    space = {**simulated.SPACE, "budget": {"cycles_modelled": 1000}}
    with pytest.raises(BudgetError, match="none of 2 candidates is within the budget; raise it"):
        run(tmp_path, 2, space)
    report = json.loads((tmp_path / "search.json").read_text())
    assert [found["on_front"] for found in report["trials"]] == [False, False]


def test_a_folder_belongs_to_one_search(evaluated, tmp_path):
    run(tmp_path / "a", 1)
    with pytest.raises(ConfigError, match="belongs to another search"):
        run(tmp_path / "a", 1, {**simulated.SPACE, "seed": 3})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("mine")
    with pytest.raises(ConfigError, match="was not written by tinygen"):
        run(tmp_path / "mine", 1)


@pytest.mark.slow
@pytest.mark.parametrize("error", [KeyboardInterrupt(), ToolchainError("no compiler")])
def test_a_search_that_was_stopped_goes_on(evaluated, tmp_path, error):
    whole = run(tmp_path / "whole", 3)
    del evaluated[:]

    def happens(candidate):
        if len(evaluated) == 2:
            raise error
        return simulated.figures(candidate)

    evaluated.happens = happens
    with pytest.raises(type(error)):
        run(tmp_path / "stopped", 3)
    report = run(tmp_path / "stopped", 3)
    assert report.trials == whole.trials
    assert len(evaluated) == 4


def started(folder, storage, trials, seconds):
    command = [sys.executable, HERE / "simulated.py", folder, storage, str(trials), str(seconds)]
    return subprocess.Popen(command)


def finished(storage):
    import optuna

    try:
        (name,) = optuna.get_all_study_names(f"sqlite:///{storage}")
        trials = optuna.load_study(study_name=name, storage=f"sqlite:///{storage}").trials
    except (ValueError, optuna.exceptions.StorageInternalError):
        return []
    return [found for found in trials if found.state == optuna.trial.TrialState.COMPLETE]


@pytest.mark.slow
def test_killed_and_shared_it_ends_with_all_its_trials(evaluated, tmp_path):
    storage, trials = tmp_path / "study.db", 8
    first = started(tmp_path / "one", storage, trials, 0.5)
    while len(finished(storage)) < 2:
        assert first.poll() is None
        time.sleep(0.05)
    time.sleep(0.25)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    before = {found.number: found.values for found in finished(storage)}
    assert 2 <= len(before) < trials
    both = [started(tmp_path / name, storage, trials, 0.5) for name in ("one", "two")]
    assert [process.wait() for process in both] == [0, 0]
    after = finished(storage)
    assert before.items() <= {found.number: found.values for found in after}.items()
    assert len(after) == trials
    assert sum(found.user_attrs.get("attempt") == 2 for found in after) == 1
    places = {Path(found.user_attrs["claim"]["lock"]).parts[-3] for found in after}
    assert places == {"one", "two"}
    chosen = {json.dumps(found.user_attrs["candidate"]["architecture"]) for found in after}
    assert len(chosen) == trials


@pytest.mark.slow
def test_killed_again_and_again_it_ends_as_one_that_was_not(evaluated, tmp_path):
    storage = tmp_path / "study.db"
    whole = run(tmp_path / "whole", 4)
    for count in (1, 2):
        process = started(tmp_path / "killed", storage, 4, 0.5)
        while len(finished(storage)) < count:
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(0.25)
        process.kill()
        process.wait()
    assert run(tmp_path / "killed", 4, storage=str(storage)).trials == whole.trials
