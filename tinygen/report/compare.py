"""Two reports side by side: what changed between them, as Markdown or as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.report.model import Layer, Report

# What a pull request is judged by: where it stands in the report, what it is called, its unit.
_FIGURES = (
    ("run", "accuracy", "accuracy", ""),
    ("run", "instructions", "instructions", ""),
    ("run", "exit_rate", "stopped at the exit", ""),
    ("run", "instructions_mean", "instructions, mean", ""),
    ("run", "cycles", "cycles", ""),
    ("run", "cycles_modelled", "cycles, modelled", ""),
    ("run", "latency_ms", "latency", "ms"),
    ("run", "latency_ms_mean", "latency, mean", "ms"),
    ("run", "energy_uj", "energy", "uJ"),
    ("memory", "flash_bytes", "flash", "B"),
    ("memory", "weights_bytes", "weights", "B"),
    ("memory", "code_bytes", "code", "B"),
    ("memory", "ram_bytes", "RAM", "B"),
    ("memory", "arena_bytes", "arena", "B"),
    ("memory", "stack_bytes", "stack", "B"),
    ("memory", "stack_bound_bytes", "stack bound", "B"),
)
_LAYER_FIGURES = ("instructions", "cycles_modelled", "flash_bytes")


@dataclass(frozen=True)
class Change:
    """One figure before and after; None where it is not known."""

    name: str
    unit: str
    before: float | None
    after: float | None

    @property
    def percent(self) -> float | None:
        """Change in percent of the figure before; None where there is no such thing."""
        if self.before is None or self.after is None or not self.before:
            return None
        return (self.after - self.before) / self.before * 100


@dataclass(frozen=True)
class Comparison:
    """What differs between two reports.

    ``notes`` say what makes the figures hard to compare, such as another board. ``layers`` has an
    entry per layer name whose kernel or figures changed: its name, kernels, and changes.
    """

    notes: tuple[str, ...]
    figures: tuple[Change, ...]
    layers: tuple[tuple[str, str, tuple[Change, ...]], ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values: notes, figures, layers."""
        return {
            "notes": list(self.notes),
            "figures": [_plain(change) for change in self.figures],
            "layers": [
                {"name": name, "kernel": kernel, "figures": [_plain(c) for c in changes]}
                for name, kernel, changes in self.layers
            ],
        }

    def as_markdown(self) -> str:
        """A table of all figures, and one of the layers that changed."""
        lines = [*(f"> {note}" for note in self.notes), ""] if self.notes else []
        lines += ["| figure | before | after | change |", "|---|---:|---:|---:|"]
        lines += [_row(change.name, change) for change in self.figures]
        if self.layers:
            lines += ["", "| layer | kernel | figure | before | after | change |"]
            lines += ["|---|---|---|---:|---:|---:|"]
            lines += [
                f"| {_escaped(name)} | {kernel} " + _row(change.name.replace("_", " "), change)
                for name, kernel, changes in self.layers
                for change in changes
            ]
        return "\n".join(lines) + "\n"


def compare(before: Report, after: Report) -> Comparison:
    """What changed from one report to the other."""
    figures = [
        Change(
            name, unit, getattr(getattr(before, part), field), getattr(getattr(after, part), field)
        )
        for part, field, name, unit in _FIGURES
    ]
    known = tuple(c for c in figures if c.before is not None or c.after is not None)
    return Comparison(tuple(_notes(before, after)), known, tuple(_layers(before, after)))


def _notes(before: Report, after: Report) -> list[str]:
    compared: Sequence[tuple[str, Any, Any]] = (
        ("model", before.model.name, after.model.name),
        ("board", before.board, after.board),
        ("core", before.target, after.target),
        ("samples", before.run.samples, after.run.samples),
        ("device", before.run.device, after.run.device),
        ("energy", before.run.energy_method, after.run.energy_method),
    )
    notes = [f"{what}: {old} before, {new} after" for what, old, new in compared if old != new]
    if before.model.name == after.model.name and before.model.sha256 != after.model.sha256:
        notes.append("the model file changed")
    for report, when in ((before, "before"), (after, "after")):
        if report.exact.mismatches:
            notes.append(f"{report.exact.mismatches} inferences differed from the reference {when}")
    return notes


def _layers(before: Report, after: Report) -> list[tuple[str, str, tuple[Change, ...]]]:
    old = {layer.name: layer for layer in before.layers}
    new = {layer.name: layer for layer in after.layers}
    found = []
    for name in dict.fromkeys((*old, *new)):
        changes = tuple(
            change
            for change in _layer_changes(old.get(name), new.get(name))
            if change.before != change.after
        )
        kernels = [layer.kernel for layer in (old.get(name), new.get(name)) if layer is not None]
        if changes or len(set(kernels)) > 1:
            found.append((name, " -> ".join(dict.fromkeys(kernels)), changes))
    return found


def _layer_changes(before: Layer | None, after: Layer | None) -> list[Change]:
    return [
        Change(
            figure,
            "B" if figure == "flash_bytes" else "",
            None if before is None else getattr(before, figure),
            None if after is None else getattr(after, figure),
        )
        for figure in _LAYER_FIGURES
    ]


def _row(label: str, change: Change) -> str:
    percent = change.percent
    if percent is None:
        shown = "" if change.before == change.after else "new" if change.before is None else "gone"
    else:
        shown = "=" if change.before == change.after else f"{percent:+.2f} %"
    before, after = (_number(value, change.unit) for value in (change.before, change.after))
    return f"| {label} | {before} | {after} | {shown} |"


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
    return f"{text} {unit}".strip()


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _plain(change: Change) -> dict[str, Any]:
    return {
        "name": change.name,
        "before": change.before,
        "after": change.after,
        "percent": change.percent,
    }
