"""A slice of benchmarks/line_faults.py: every fault on the line of an emulated board."""

import importlib.util
from pathlib import Path

import pytest

from tinygen.device.faults import Faults

SOURCE = Path(__file__).parents[1] / "benchmarks" / "line_faults.py"
specification = importlib.util.spec_from_file_location("line_faults", SOURCE)
line_faults = importlib.util.module_from_spec(specification)
specification.loader.exec_module(line_faults)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rig():
    with line_faults.rig() as bench:
        yield bench


@pytest.mark.parametrize("kind", line_faults.KINDS)
def test_nothing_is_lost_and_nothing_wrong_is_taken(rig, kind):
    cost = rig.run(Faults(**{kind: 0.1}), 25, seed=1)
    assert (cost.wrong, cost.lost) == (0, 0)
    assert cost.faults > 2


def test_everything_at_once(rig):
    few = Faults(*[0.02] * len(line_faults.KINDS))
    cost = rig.run(few, 40, seed=2)
    assert (cost.wrong, cost.lost) == (0, 0)
    assert cost.faults > 10


def test_a_wrong_answer_would_be_seen(rig, monkeypatch):
    monkeypatch.setattr(rig, "expected", [(b"other",)] * len(rig.expected))
    assert rig.run(Faults(), 3, seed=0).wrong == 3
