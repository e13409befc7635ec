"""Budgets against the figures of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.errors import BudgetError
from tinygen.report.model import Report, Verdict

if TYPE_CHECKING:
    from tinygen.config import Budget

_IN_MEMORY = ("flash_bytes", "ram_bytes", "arena_bytes", "stack_bytes")

# Why a figure may be missing from the report of a test.
_SOURCES = {
    "flash_bytes": "only firmware has it, not a library",
    "ram_bytes": "only firmware has it, not a library",
    "arena_bytes": "only a compiled model has it",
    "stack_bytes": "only a full proof or a test on a device gives it",
    "instructions": "only an emulated board gives it",
    "cycles": "only the cycle counter of a real board gives it",
    "cycles_modelled": "only an emulated board whose core has a cost table gives it",
    "latency_ms": "it takes cycles, measured or modelled",
    "energy_uj": "it takes a meter, or the board's power figures and cycles",
    "accuracy": "only samples with labels give it",
}


def judged(report: Report, budget: Budget) -> Report:
    """The report with a verdict for every budget that is set."""
    verdicts = tuple(
        _verdict(report, name, float(limit))
        for name, limit in budget.model_dump().items()
        if limit is not None
    )
    return report.updated(budgets=verdicts)


def enforce(report: Report) -> None:
    """Raise BudgetError that names every budget which was not met, and by how much."""
    failed = [verdict for verdict in report.budgets if verdict.passed is False]
    if failed:
        listing = ", ".join(map(sentence, failed))
        raise BudgetError(f"{report.model.name}: {listing}; change the model or the budget")


def unjudged(report: Report) -> tuple[str, ...]:
    """A sentence for every budget whose figure the report does not have though it might.

    Before a test on a device only memory is known, so only budgets for that are named.
    """
    tested = report.run.device is not None
    return tuple(
        f"budget {verdict.name} was not judged: {reason(verdict)}"
        for verdict in report.budgets
        if verdict.passed is None and (tested or verdict.name in _IN_MEMORY)
    )


def reason(verdict: Verdict) -> str:
    """Where the figure of a budget comes from when it is known."""
    return _SOURCES[verdict.name]


def sentence(verdict: Verdict) -> str:
    """How a budget was missed, in words."""
    return (
        f"{verdict.name} is {number(verdict.value)}{' (modelled)' if verdict.modelled else ''}, "
        f"{'under' if verdict.name == 'accuracy' else 'over'} its budget of "
        f"{number(verdict.limit)} by {excess(verdict)}"
    )


def excess(verdict: Verdict) -> str:
    """By how much a budget was missed: as a figure, and in percent of the budget."""
    if verdict.passed is not False or verdict.value is None:
        return ""
    difference = abs(verdict.value - verdict.limit)
    percent = f" ({100 * difference / verdict.limit:,.1f} %)"
    return f"{number(difference)}{percent if verdict.name != 'accuracy' else ''}"


def number(value: float | None) -> str:
    """A figure with thousands separated, or a dash."""
    if value is None:
        return "-"
    return f"{value:,.6g}" if value % 1 else f"{value:,.0f}"


def _verdict(report: Report, name: str, limit: float) -> Verdict:
    value = getattr(report.memory if name in _IN_MEMORY else report.run, name)
    if name == "stack_bytes" and report.memory.stack_bound_bytes is not None:
        # What was seen may be less than what another input takes.
        value = report.memory.stack_bound_bytes
    modelled = {
        "cycles_modelled": True,
        "latency_ms": report.run.cycles is None,
        "energy_uj": report.run.energy_method == "modelled",
    }.get(name, False)
    passed = None
    if value is not None:
        passed = value >= limit if name == "accuracy" else value <= limit
    return Verdict(
        name=name,
        limit=limit,
        value=value,
        modelled=modelled and value is not None,
        passed=passed,
    )
