"""A profile on a terminal, and as one HTML file with a flame graph."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from tinygen.report.console import number
from tinygen.report.html import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from tinygen.report.profile import Profile, ProfiledLayer

_WIDTH, _ROW, _GAP = 960.0, 26.0, 2.0


def show(profile: Profile, console: Console) -> None:
    """Print the profile as a table."""
    spread = any(layer.least != layer.most for layer in profile.layers)
    modelled = any(layer.cycles_modelled is not None for layer in profile.layers)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("layer", "operator", "kernel"):
        table.add_column(heading, overflow="fold")
    headings = ["MACs", profile.unit, *(("least", "most") if spread else ()), "share"]
    for heading in headings + (["cycles, modelled"] if modelled else []):
        table.add_column(heading, justify="right")
    for layer in profile.layers:
        extremes = (number(layer.least), number(layer.most)) if spread else ()
        row = [number(layer.macs), number(layer.mean), *extremes, f"{profile.share(layer):.1%}"]
        row += [number(layer.cycles_modelled)] if modelled else []
        table.add_row(Text(layer.name), layer.op, layer.kernel, *row)
    table.add_section()
    macs = sum(layer.macs for layer in profile.layers)
    table.add_row("total", "", "", number(macs), number(profile.total), style="bold")
    console.print(table)
    console.print(Text(summary(profile)))


def summary(profile: Profile) -> str:
    """What was measured, in one line."""
    count = profile.inferences
    return (
        f"{profile.model} on {profile.board} ({profile.device}), "
        f"{profile.unit} of one inference"
        + (f", mean of {count:,} inferences" if count > 1 else "")
    )


def render(profile: Profile) -> str:
    """The HTML document, which needs nothing else."""
    bars = tuple(flame(profile))
    return (
        environment()
        .get_template("profile.html.j2")
        .render(
            profile=profile,
            summary=summary(profile),
            bars=bars,
            width=_WIDTH,
            height=3 * _ROW,
        )
    )


@dataclass(frozen=True)
class Bar:
    """One rectangle of the flame graph, in the units of the drawing; ``depth`` is its row."""

    depth: int
    x: float
    width: float
    label: str
    title: str

    @property
    def y(self) -> float:
        """Upper edge."""
        return self.depth * _ROW

    @property
    def height(self) -> float:
        """Height without the gap to the next row."""
        return _ROW - _GAP


def flame(profile: Profile) -> Iterator[Bar]:
    """The inference, under it the operators, under each its layers; the longest first.

    Widths are in proportion to time, so that a bar is as wide as the bars under it together.
    """
    scale = _WIDTH / (profile.total or 1)

    def bar(depth: int, start: int, taken: int, label: str) -> Bar:
        percent = 100 * taken / (profile.total or 1)
        title = f"{label}: {taken:,} {profile.unit}, {percent:.1f} %"
        return Bar(depth, round(start * scale, 2), round(taken * scale, 2), label, title)

    yield bar(0, 0, profile.total, profile.model)
    start = 0
    for op, layers in _operators(profile):
        yield bar(1, start, sum(layer.mean for layer in layers), op)
        for layer in layers:
            yield bar(2, start, layer.mean, layer.name)
            start += layer.mean


def _operators(profile: Profile) -> list[tuple[str, list[ProfiledLayer]]]:
    by_op = itertools.groupby(sorted(profile.layers, key=attrgetter("op")), attrgetter("op"))
    groups = [(op, sorted(layers, key=lambda layer: -layer.mean)) for op, layers in by_op]
    return sorted(groups, key=lambda group: -sum(layer.mean for layer in group[1]))
