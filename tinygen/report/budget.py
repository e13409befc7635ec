"""Budgets against the figures of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.errors import BudgetError
from tinygen.report.model import Report, Verdict

if TYPE_CHECKING:
    from tinygen.config import Budget

_IN_MEMORY = ("flash_bytes", "ram_bytes", "arena_bytes", "stack_bytes")


def judged(report: Report, budget: Budget) -> Report:
    """The report with a verdict for every budget that is set."""
    verdicts = tuple(
        _verdict(report, name, float(limit))
        for name, limit in budget.model_dump().items()
        if limit is not None
    )
    return report.updated(budgets=verdicts)


def enforce(report: Report) -> None:
    """Raise BudgetError that names every budget which was not met."""
    failed = [verdict for verdict in report.budgets if verdict.passed is False]
    if failed:
        listing = ", ".join(map(sentence, failed))
        raise BudgetError(f"{report.model.name}: {listing}; change the model or the budget")


def sentence(verdict: Verdict) -> str:
    """How a budget was missed, in words."""
    return (
        f"{verdict.name} is {_number(verdict.value)}{' (modelled)' if verdict.modelled else ''}, "
        f"{'under' if verdict.name == 'accuracy' else 'over'} its budget of "
        f"{_number(verdict.limit)}"
    )


def _verdict(report: Report, name: str, limit: float) -> Verdict:
    value = getattr(report.memory if name in _IN_MEMORY else report.run, name)
    modelled = {
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


def _number(value: float | None) -> str:
    return f"{value:,.6g}" if value is not None and value % 1 else f"{value or 0:,.0f}"
