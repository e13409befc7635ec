"""What a test on a device adds to the report of a build."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tinygen.report.model import Exact, Proof, Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tinygen.boards import Board
    from tinygen.report.model import Report
    from tinygen.trial import Outcome


@dataclass(frozen=True)
class Figures:
    """What one inference took on a device; None is not known.

    ``device`` is ``board``, ``unicorn`` or ``qemu``. ``cycles`` come from the cycle counter of a
    real core only. ``layers`` has the instructions of layers, by name.
    """

    device: str
    instructions: int | None = None
    cycles: int | None = None
    cycles_modelled: int | None = None
    stack_bytes: int | None = None
    layers: Mapping[str, int] = field(default_factory=dict)


def with_run(report: Report, board: Board, outcome: Outcome, figures: Figures) -> Report:
    """The report of a build, with the outcome of a test and the figures taken in it."""
    cycles = figures.cycles if figures.cycles is not None else figures.cycles_modelled
    seconds = None if cycles is None else cycles / board.clock.hz
    energy = None if seconds is None else modelled_energy(board, seconds)
    run = Run(
        device=figures.device,
        samples=outcome.samples,
        correct=outcome.correct,
        accuracy=None if outcome.correct is None else outcome.correct / outcome.samples,
        instructions=figures.instructions,
        cycles=figures.cycles,
        cycles_modelled=figures.cycles_modelled,
        latency_ms=None if seconds is None else round(seconds * 1e3, 6),
        energy_uj=None if energy is None else round(energy * 1e6, 3),
        energy_method=None if energy is None else "modelled",
    )
    proof = Proof(
        name=f"outputs of {board.name} ({figures.device})",
        inputs=outcome.samples,
        mismatches=outcome.mismatches,
    )
    memory = report.memory
    if figures.stack_bytes is not None:
        memory = memory.model_copy(update={"stack_bytes": figures.stack_bytes})
    exact = Exact.of(report.exact.oracle, (*report.exact.proofs, proof))
    layers = tuple(
        # What was counted when the code was proven stays: it is the layer without its call.
        layer.model_copy(update={"instructions": figures.layers.get(layer.name)})
        if layer.instructions is None
        else layer
        for layer in report.layers
    )
    return report.updated(run=run, exact=exact, memory=memory, layers=layers)


def modelled_energy(board: Board, seconds: float) -> float | None:
    """Joules that the board's core takes in so much time; None for a board without power figures.

    Run current times voltage times time. The current is the data sheet's, scaled in proportion to
    the clock where that was read at another frequency.
    """
    if board.power is None:
        return None
    amperes = board.power.milliamps / 1e3 * board.clock.hz / board.power.at_hz
    return amperes * board.power.volts * seconds
