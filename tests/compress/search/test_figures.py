"""Which candidates are better, and what the budget says of them."""

import pytest

from tinygen import boards
from tinygen.compress.cost import Cost
from tinygen.compress.search.budget import Budget
from tinygen.compress.search.figures import (
    Figures,
    dominates,
    dominates_on_test,
    front,
    time_and_energy,
)
from tinygen.errors import ConfigError

BOARD = boards.load_board("nucleo_l4r5zi")


def figures(accuracy=0.9, cycles=1000.0, ram=100, flash=500, test=0.8, instructions=700):
    latency, energy = time_and_energy(cycles, BOARD)
    return Figures(
        accuracy=accuracy,
        test_accuracy=test,
        cycles_modelled=cycles,
        instructions=instructions,
        latency_ms=latency,
        energy_uj_modelled=energy,
        ram_bytes=ram,
        flash_bytes=flash,
        parameters=10,
        macs=20,
    )


@pytest.mark.parametrize(
    ("better", "holds"),
    [
        ({}, False),
        ({"accuracy": 0.91}, True),
        ({"cycles": 999.0}, True),
        ({"ram": 99}, True),
        ({"flash": 499}, True),
        ({"flash": 499, "ram": 101}, False),
        ({"accuracy": 0.89, "cycles": 1.0}, False),
    ],
)
def test_domination(better, holds):
    assert dominates(figures(**better), figures()) is holds
    assert not dominates(figures(), figures(**better))


def test_domination_on_the_test_samples():
    assert dominates_on_test(figures(accuracy=0.1, test=0.81), figures())
    assert not dominates_on_test(figures(accuracy=0.99, test=0.79), figures())


def test_instructions_stand_in_where_cycles_are_not_known():
    assert figures(cycles=None, instructions=5).time == 5
    assert figures(cycles=None).energy_uj_modelled is None


def test_the_front_has_what_nothing_dominates():
    candidates = {
        0: figures(0.9, 1000.0),
        1: figures(0.9, 900.0),
        2: figures(0.8, 800.0),
        3: figures(0.8, 900.0),
        4: figures(0.9, 900.0),
    }
    assert front(candidates.items()) == {1, 2, 4}
    assert front([]) == frozenset()


def test_time_and_energy_follow_from_the_board():
    latency, energy = time_and_energy(BOARD.clock.hz / 1000, BOARD)
    assert latency == pytest.approx(1)
    amperes = BOARD.power.milliamps / 1e3 * BOARD.clock.hz / BOARD.power.at_hz
    assert energy == pytest.approx(amperes * BOARD.power.volts * 1000)


def test_excess_is_relative_and_names_the_limit():
    budget = Budget(cycles_modelled=800, ram_bytes=200, accuracy=0.95)
    excess = budget.excess(figures(), BOARD)
    assert excess == pytest.approx({"cycles_modelled": 0.25, "ram_bytes": -0.5, "accuracy": 0.05})


def test_a_budget_that_cannot_be_judged():
    with pytest.raises(ConfigError, match="energy_uj cannot be judged, since board nucleo_l4r5zi"):
        Budget(energy_uj=1.0).excess(figures(cycles=None), BOARD)


def test_hopeless_is_what_an_estimate_is_far_above():
    cost = Cost(10, 20, flash_bytes=1000, ram_bytes=1000, cycles_modelled=1000.0, exact=False)
    budget = Budget(ram_bytes=500, flash_bytes=900, cycles_modelled=400)
    assert budget.hopeless(cost, None, BOARD) == pytest.approx(
        {"ram_bytes": 1.0, "cycles_modelled": 1.5}
    )
    half = ("cycles_modelled", 0.5)
    assert budget.hopeless(cost, half, BOARD) == {}
    quick = Budget(latency_ms=200 / BOARD.clock.hz * 1e3)
    assert quick.hopeless(cost, half, BOARD) == pytest.approx({"latency_ms": 1.5})
    assert budget.hopeless(cost, ("ram_bytes", 0.9), BOARD) == pytest.approx({"ram_bytes": 0.8})
