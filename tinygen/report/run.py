"""What a test on a device adds to the report of a build."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tinygen.device.power.measuring import modelled
from tinygen.report.model import Exact, Proof, Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tinygen.boards import Board
    from tinygen.device.power.measuring import Energy
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


def with_run(
    report: Report,
    board: Board,
    outcome: Outcome,
    figures: Figures,
    energy: Energy | None = None,
    early: Figures | None = None,
) -> Report:
    """The report of a build, with the outcome of a test and the figures taken in it.

    Without ``energy`` that a meter measured, it is modelled where that is possible. Where
    inferences may stop early, ``figures`` are those of one that does not, ``early`` of one that
    does.
    """
    cycles = figures.cycles if figures.cycles is not None else figures.cycles_modelled
    seconds = None if cycles is None else cycles / board.clock.hz
    if energy is None and seconds is not None and board.power is not None:
        energy = modelled(board, seconds)
    run = Run(
        device=figures.device,
        samples=outcome.samples,
        correct=outcome.correct,
        accuracy=None if outcome.correct is None else outcome.correct / outcome.samples,
        instructions=figures.instructions,
        cycles=figures.cycles,
        cycles_modelled=figures.cycles_modelled,
        latency_ms=None if seconds is None else round(seconds * 1e3, 6),
        **({} if outcome.exits is None else _means(board, outcome, figures, early)),
        **({} if energy is None else energy_fields(energy)),
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


def _means(board: Board, outcome: Outcome, full: Figures, early: Figures | None) -> dict[str, Any]:
    """The fields of the report that tell of the samples together."""
    assert outcome.exits is not None
    rate = len(outcome.exits) / outcome.samples

    def mean(figure: str) -> float | None:
        total = 0.0
        for share, part in ((1 - rate, full), (rate, early)):
            value = getattr(part, figure, None)
            if share and value is None:
                return None
            total += share * (value or 0)
        return round(total, 1)

    counted, computed = mean("cycles"), mean("cycles_modelled")
    cycles = computed if counted is None else counted
    return {
        "exit_rate": rate,
        "instructions_mean": mean("instructions"),
        "cycles_mean": counted,
        "cycles_modelled_mean": computed,
        "latency_ms_mean": None if cycles is None else round(cycles / board.clock.hz * 1e3, 6),
    }


def energy_fields(energy: Energy) -> dict[str, Any]:
    """The fields of the report that tell of energy."""
    known: dict[str, Any] = {
        "energy_uj": _microjoules(energy.mean),
        "energy_method": "modelled" if energy.modelled else f"measured by {energy.meter}",
    }
    if energy.modelled:
        return known
    return known | {
        "energy_uj_spread": None if energy.deviation is None else _microjoules(energy.deviation),
        "energy_uj_min": _microjoules(min(energy.joules)),
        "energy_uj_max": _microjoules(max(energy.joules)),
        "energy_windows": len(energy.joules),
        "energy_inferences": energy.inferences,
        "energy_outside": round(energy.outside, 6),
    }


def _microjoules(joules: float) -> float:
    return round(joules * 1e6, 3)
