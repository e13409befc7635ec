"""A report as one HTML file that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import jinja2

from tinygen import paths
from tinygen.report import budget
from tinygen.report.console import LAYER_FIGURES, figures, number, total

if TYPE_CHECKING:
    from tinygen.report.model import Report

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 960.0, 320.0, 64.0, 24.0


def render(report: Report) -> str:
    """The HTML document."""
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            figures=figures(report),
            totals=[total(report, name) for name in LAYER_FIGURES],
            map=arena_map(report),
            shares=_shares(report),
        )
    )


def environment() -> jinja2.Environment:
    """Where the templates of pages are found; what is filled in is escaped."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(paths.TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    found.filters |= {"number": number, "figure": budget.number, "excess": budget.excess}
    return found


@dataclass(frozen=True)
class Box:
    """One buffer as a rectangle, in the units of the drawing."""

    x: float
    y: float
    width: float
    height: float
    name: str
    title: str


@dataclass(frozen=True)
class ArenaMap:
    """The arena over time: layers from left to right, addresses from bottom to top."""

    width: float
    height: float
    left: float
    top: float
    bottom: float
    boxes: tuple[Box, ...]
    ticks: tuple[tuple[float, str], ...]
    steps: tuple[tuple[float, str], ...]


def arena_map(report: Report) -> ArenaMap | None:
    """The drawing of the arena; None where there is no arena to draw."""
    size, layers = report.memory.arena_bytes, len(report.layers)
    if not size or not layers:
        return None
    wide, high, top = _WIDTH - _LEFT, _HEIGHT - _BOTTOM - 8, 8.0
    step, scale = wide / layers, high / size
    boxes = tuple(
        Box(
            x=round(_LEFT + buffer.first * step, 2),
            y=round(top + high - (buffer.offset + buffer.bytes) * scale, 2),
            width=round((buffer.last - buffer.first + 1) * step, 2),
            height=round(buffer.bytes * scale, 2),
            name=buffer.name,
            title=f"{buffer.name}: {buffer.bytes:,} B at {buffer.offset:,}, "
            f"layers {buffer.first} to {buffer.last}",
        )
        for buffer in report.memory.buffers
    )
    ticks = tuple(
        (round(top + high - part * high / 4, 2), f"{size * part // 4:,}") for part in range(5)
    )
    stride = -(-layers // 24)
    steps = tuple(
        (round(_LEFT + (index + 0.5) * step, 2), str(index)) for index in range(0, layers, stride)
    )
    return ArenaMap(_WIDTH, _HEIGHT, _LEFT, top, top + high, boxes, ticks, steps)


def _shares(report: Report) -> list[float]:
    """Per layer its part of the whole in percent: of the best figure that all layers have."""
    figure = next(
        name
        for name in ("cycles_modelled", "instructions", "macs")
        if all(getattr(layer, name) is not None for layer in report.layers)
    )
    values: list[int] = [getattr(layer, figure) for layer in report.layers]
    return [round(100 * value / (sum(values) or 1), 1) for value in values]
