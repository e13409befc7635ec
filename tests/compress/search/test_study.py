"""The study in its database: addresses, errors, draws that can be repeated."""

import sys

import pytest

from tinygen.compress.search import study
from tinygen.compress.search.space import Range
from tinygen.errors import ConfigError, ToolchainError

pytest.importorskip("optuna", reason="optuna is not installed (extra 'train')")


@pytest.mark.parametrize(
    ("given", "address"),
    [
        (None, "sqlite:///out/study.sqlite3"),
        ("shared.db", "sqlite:///shared.db"),
        ("/net/shared.db", "sqlite:////net/shared.db"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
    ],
)
def test_addresses(given, address):
    from pathlib import Path

    assert study.url(given, Path("out")) == address


def test_the_url_reaches_the_database_and_its_missing_driver_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(ToolchainError) as caught:
        study.opened("postgresql+psycopg2://me:secret@host/db", "s", 0)
    said = str(caught.value)
    assert said.startswith("storage postgresql+psycopg2://me:***@host/db needs a Python driver")
    assert "import of psycopg2 halted" in said
    assert "psycopg2-binary" in said
    assert "secret" not in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nonsense://a:b@c", r"storage nonsense://a:\*\*\*@c is not the URL of a database"),
        ("://", "is not the URL of a database"),
        ("sqlite:////nowhere/at/all/study.db", "cannot be used .*unable to open database file"),
    ],
)
def test_storages_that_cannot_be_used(address, said):
    with pytest.raises(ConfigError, match=said):
        study.opened(address, "s", 0)


@pytest.fixture
def opened(tmp_path):
    return study.opened(f"sqlite:///{tmp_path / 'study.db'}", "s", 3)


def draws(trial):
    draw = study.drawing(trial)
    trial.set_user_attr(study.NUMBER, study.number_of(trial.study, trial))
    return (
        draw("a", ("x", "y", "z", "w")),
        draw("b", Range[float](low=0.1, high=10.0, log=True)),
        draw("c", Range[int](low=1, high=1000)),
        draw("only", (7,)),
    )


def test_a_trial_that_was_left_is_taken_up_with_what_it_had_drawn(opened, tmp_path):
    from optuna.trial import TrialState

    drawn, others = draws(opened.ask()), draws(opened.ask())
    assert drawn[3] == 7
    assert drawn[2] != others[2]
    study.take_up(opened, opened.trials[0])
    opened.tell(0, state=TrialState.FAIL)
    again = opened.ask()
    assert again.number == 2
    assert draws(again) == drawn
    assert study.number_of(opened, again) == 0
    new = opened.ask()
    assert study.number_of(opened, new) == 2
    # The same as in a study in which nothing was left.
    fresh = study.opened(f"sqlite:///{tmp_path / 'fresh.db'}", "s", 3)
    assert [draws(fresh.ask()) for _ in range(3)] == [drawn, others, draws(new)]


def test_a_trial_that_kills_its_workers_is_given_up(opened):
    opened.ask()
    for attempt in range(1, study.ATTEMPTS):
        study.take_up(opened, opened.trials[-1])
        assert len(opened.trials) == 1 + attempt
    study.take_up(opened, opened.trials[-1])
    assert len(opened.trials) == study.ATTEMPTS


def test_seeds_differ_from_trial_to_trial_and_from_search_to_search():
    seeds = {study.seed_of(seed, number) for seed in range(3) for number in range(50)}
    assert len(seeds) == 150
