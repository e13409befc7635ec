"""A report on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from tinygen.report import budget

if TYPE_CHECKING:
    from rich.console import Console

    from tinygen.report.model import Memory, Report, Run

UNKNOWN = "-"
LAYER_FIGURES = ("macs", "instructions", "cycles_modelled", "flash_bytes")
_WORD = {True: "met", False: "NOT MET", None: "not known"}


def show(report: Report, console: Console) -> None:
    """Print the report: tables of layers, figures and budgets."""
    console.print(_layers(report))
    console.print(_figures(report))
    if report.budgets:
        console.print(_budgets(report))


def _arena(memory: Memory) -> str:
    if not memory.arena_bytes:
        return UNKNOWN
    bound = (
        "smallest possible" if memory.arena_optimal else f"bound {number(memory.arena_lower_bound)}"
    )
    place = f" in {memory.arena_region}" if memory.arena_region else ""
    return f"{_bytes(memory.arena_bytes)}{place} ({bound})"


def _energy(run: Run) -> str:
    if run.energy_uj is None:
        return UNKNOWN
    text = f"{run.energy_uj:,.1f} uJ, {run.energy_method}"
    if run.energy_windows is None:
        return text
    spread = "" if run.energy_uj_spread is None else f" +- {run.energy_uj_spread:,.1f}"
    return (
        f"{text}{spread} ({number(run.energy_windows)} windows of "
        f"{number(run.energy_inferences)} inferences)"
    )


def figures(report: Report) -> list[tuple[str, str]]:
    """The figures that are known, as (label, text) in reading order."""
    memory, run, exact = report.memory, report.run, report.exact
    latency = "modelled" if run.cycles is None and run.cycles_mean is None else "measured"
    rows = [
        ("model", f"{report.model.name}, {number(report.model.macs)} MACs"),
        ("target", f"{report.board} ({report.target})" if report.board else report.target),
        ("flash", _bytes(memory.flash_bytes)),
        ("weights", _bytes(memory.weights_bytes)),
        ("code", _bytes(memory.code_bytes)),
        ("RAM", _bytes(memory.ram_bytes)),
        ("copies in fast memory", _bytes(sum(copy.bytes for copy in memory.copies) or None)),
        ("arena", _arena(memory)),
        ("stack", _bytes(memory.stack_bytes)),
        ("stack bound", _bytes(memory.stack_bound_bytes)),
        ("exact", f"{number(exact.inputs)} inferences, {number(exact.mismatches)} mismatches"),
    ]
    if report.selection.optimal is False:
        rows.append(("kernels", f"not proven best for {report.selection.objective}"))
    rows += [("proof", f"{p.name}: {number(p.inputs)} inferences") for p in exact.proofs]
    rows += [
        ("device", run.device or UNKNOWN),
        ("samples", number(run.samples)),
        (
            "accuracy",
            f"{run.accuracy:.2%} ({number(run.correct)} of {number(run.samples)})"
            if run.accuracy is not None
            else UNKNOWN,
        ),
        ("stopped at the exit", UNKNOWN if run.exit_rate is None else f"{run.exit_rate:.2%}"),
        ("instructions", number(run.instructions)),
        ("instructions, mean", _mean(run.instructions_mean)),
        ("cycles", number(run.cycles)),
        ("cycles, mean", _mean(run.cycles_mean)),
        ("cycles, modelled", number(run.cycles_modelled)),
        ("cycles, modelled, mean", _mean(run.cycles_modelled_mean)),
        ("latency", f"{run.latency_ms:.3f} ms, {latency}" if run.latency_ms else UNKNOWN),
        (
            "latency, mean",
            f"{run.latency_ms_mean:.3f} ms, {latency}" if run.latency_ms_mean else UNKNOWN,
        ),
        ("energy", _energy(run)),
    ]
    rows += [
        (dependency.name, dependency.version + ("" if dependency.pinned else " (NOT PINNED)"))
        for dependency in report.dependencies
    ]
    return [row for row in rows if row[1] != UNKNOWN]


def total(report: Report, figure: str) -> int | None:
    """A figure over all layers; None where a layer does not have it."""
    values = [getattr(layer, figure) for layer in report.layers]
    return None if None in values else sum(values)


def number(value: int | None) -> str:
    """An integer with thousands separated, or a dash."""
    return UNKNOWN if value is None else f"{value:,}"


def _mean(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.0f}"


def _bytes(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,} B"


def _figures(report: Report) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for label, text in figures(report):
        table.add_row(Text(label), Text(text))
    return table


def _budgets(report: Report) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("budget")
    for heading in ("value", "limit", "off by"):
        table.add_column(heading, justify="right")
    table.add_column("verdict")
    for verdict in report.budgets:
        table.add_row(
            f"{verdict.name}{' (modelled)' if verdict.modelled else ''}",
            budget.number(verdict.value),
            budget.number(verdict.limit),
            budget.excess(verdict),
            _WORD[verdict.passed],
            style="bold" if verdict.passed is False else None,
        )
    return table


def _layers(report: Report) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("layer", "operator", "kernel"):
        table.add_column(heading, overflow="fold")
    for heading in ("MACs", "instructions", "cycles, modelled", "flash B"):
        table.add_column(heading, justify="right")
    for layer in report.layers:
        table.add_row(
            Text(layer.name),
            layer.op,
            layer.kernel,
            *(number(getattr(layer, name)) for name in LAYER_FIGURES),
        )
    if len(report.layers) > 1:
        sums = (total(report, name) for name in LAYER_FIGURES)
        table.add_section()
        table.add_row("total", "", "", *map(number, sums), style="bold")
    return table
