import pytest

from tinygen.errors import BudgetError
from tinygen.tuning.rounds import measured, rounds

COUNTS = {"a": 3, "b": 1, "c": 2}
BASE = {"a": 1, "b": 0, "c": 0}


def test_every_kernel_of_every_layer_has_its_turn_in_as_few_rounds_as_possible():
    found = list(rounds(COUNTS, BASE))
    assert found[0] == BASE
    assert len(found) == 3
    for name, count in COUNTS.items():
        assert {picks[name] for picks in found} == set(range(count))


def test_a_layer_that_had_all_turns_runs_the_kernel_of_the_first_round():
    assert [picks["b"] for picks in rounds(COUNTS, BASE)] == [0, 0, 0]
    assert [picks["c"] for picks in rounds(COUNTS, BASE)] == [0, 1, 0]


@pytest.mark.parametrize("first", range(4))
def test_any_kernel_can_be_the_first(first):
    order = [picks["a"] for picks in rounds({"a": 4}, {"a": first})]
    assert order[0] == first
    assert sorted(order) == [0, 1, 2, 3]


class Board:
    """Takes 10 for kernel 0, 11 for kernel 1 and so on; has no room for what is too large."""

    def __init__(self, too_large):
        self.too_large = too_large
        self.images = 0

    def __call__(self, picks):
        self.images += 1
        if self.too_large(picks):
            raise BudgetError("the firmware does not fit")
        return {name: 10 + pick for name, pick in picks.items() if name != "elided"}


def test_a_layer_that_does_not_run_takes_nothing():
    taken = measured({"a": 1, "elided": 0}, {"a": 0, "elided": 0}, Board(lambda picks: False))
    assert taken == {("a", 1): 11, ("elided", 0): 0}


def test_a_round_that_does_not_fit_is_halved():
    base = dict.fromkeys("abcd", 0)
    board = Board(lambda picks: sum(picks.values()) > 2)
    taken = measured(dict.fromkeys("abcd", 1), base, board)
    assert {key for key in taken if key[1] == 1} == {(name, 1) for name in "abcd"}
    assert all(value == 10 + pick for (_, pick), value in taken.items())
    assert board.images == 3


def test_a_kernel_that_never_fits_is_left_out():
    base = dict.fromkeys("abc", 0)
    taken = measured(dict.fromkeys("abc", 1), base, Board(lambda picks: picks["b"] == 1))
    assert ("b", 1) not in taken
    assert taken["a", 1] == taken["c", 1] == 11


def test_what_every_round_begins_with_must_fit():
    with pytest.raises(BudgetError, match="does not fit"):
        measured({"a": 0}, {"a": 0}, Board(lambda picks: True))
