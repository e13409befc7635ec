"""What a candidate takes on the board, and how good it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydantic

from tinygen.device.power import measuring

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tinygen.boards import Board


class Figures(pydantic.BaseModel):
    """Accuracies of the int8 network, computed by its generated C, and what it takes.

    ``accuracy`` is that over the validation samples, by which the search chooses;
    ``test_accuracy`` that over the test samples, which had no say. The other fields are those of
    :class:`tinygen.compress.report.StepReport`; latency and energy follow from the modelled cycles,
    the clock and the power figures of the board. What is not known is None.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    accuracy: float
    test_accuracy: float
    cycles_modelled: float | None
    instructions: int | None
    latency_ms: float | None
    energy_uj_modelled: float | None
    ram_bytes: int
    flash_bytes: int
    parameters: int
    macs: int

    @property
    def time(self) -> float:
        """Modelled cycles; instructions where the core has no cycle model."""
        return self.instructions or 0.0 if self.cycles_modelled is None else self.cycles_modelled

    @property
    def costs(self) -> tuple[float, int, int]:
        """Time, RAM and flash; energy is in proportion to time."""
        return self.time, self.ram_bytes, self.flash_bytes


def time_and_energy(cycles: float | None, board: Board) -> tuple[float | None, float | None]:
    """Milliseconds and microjoules of so many cycles on a board, None where they are not known."""
    if cycles is None:
        return None, None
    seconds = cycles / board.clock.hz
    if board.power is None:
        return seconds * 1e3, None
    return seconds * 1e3, measuring.modelled(board, seconds).mean * 1e6


def dominates(figures: Figures, other: Figures) -> bool:
    """Whether ``figures`` are nowhere worse than the other ones, and better somewhere."""
    return _no_worse(figures.accuracy, figures.costs, other.accuracy, other.costs)


def dominates_on_test(figures: Figures, other: Figures) -> bool:
    """The same with accuracies over samples that had no say in the search."""
    return _no_worse(figures.test_accuracy, figures.costs, other.test_accuracy, other.costs)


def front(candidates: Iterable[tuple[int, Figures]]) -> frozenset[int]:
    """Numbers of those that no other one dominates."""
    known = list(candidates)
    return frozenset(
        number for number, figures in known if not any(dominates(f, figures) for _, f in known)
    )


def _no_worse(
    accuracy: float, costs: tuple[float, ...], than: float, their_costs: tuple[float, ...]
) -> bool:
    ours, theirs = (-accuracy, *costs), (-than, *their_costs)
    return ours != theirs and all(a <= b for a, b in zip(ours, theirs, strict=True))
