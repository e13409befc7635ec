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
        listing = ", ".join(
            f"{v.name} is {_number(v.value)}{' (modelled)' if v.modelled else ''}, "
            f"{'under' if v.name == 'accuracy' else 'over'} its budget of {_number(v.limit)}"
            for v in failed
        )
        raise BudgetError(f"{report.model.name}: {listing}; change the model or the budget")


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
