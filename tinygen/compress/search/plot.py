"""The trials of a search as a picture: accuracy against each cost, the front in colour."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from tinygen import output

if TYPE_CHECKING:
    from pathlib import Path

    from tinygen.compress.search.figures import Figures
    from tinygen.compress.search.report import SearchReport
    from tinygen.progress import Progress

_COSTS = {
    "time": "cycles, modelled",
    "energy_uj_modelled": "energy of an inference, µJ, modelled",
    "ram_bytes": "RAM, bytes",
    "flash_bytes": "flash, bytes",
}
_GREY, _BLUE, _RED = "#9a9a9a", "#0b6fb8", "#c0392b"


def write(report: SearchReport, path: Path, progress: Progress) -> None:
    """Write an SVG; the same report gives the same bytes. Without matplotlib, only say so."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        progress.step("no picture: it needs matplotlib (pip install 'tinygen[report]')")
        return
    # Otherwise names of elements inside the file are random, and it holds the time.
    with mpl.rc_context({"svg.hashsalt": "tinygen", "svg.fonttype": "none"}):
        figure = Figure(figsize=(10, 7.5), layout="constrained")
        for axes, (name, title) in zip(figure.subplots(2, 2).flat, _COSTS.items(), strict=True):
            _panel(axes, report, name, _title(report, name, title))
        figure.suptitle(f"{report.model or 'networks of the zoo'} on {report.board}, int8")
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    output.write_bytes(path, stream.getvalue())


def _title(report: SearchReport, name: str, title: str) -> str:
    figures = [trial.figures for trial in report.trials if trial.figures is not None]
    unknown = name == "time" and any(f.cycles_modelled is None for f in figures)
    return "instructions" if unknown else title


def _panel(axes: Any, report: SearchReport, name: str, title: str) -> None:
    def point(figures: Figures) -> tuple[float, float] | None:
        value = getattr(figures, name)
        return None if value is None else (value, 100 * figures.accuracy)

    for trial in report.trials:
        at = point(trial.figures) if trial.figures is not None else None
        if at is not None:
            axes.scatter(*at, color=_BLUE if trial.on_front else _GREY, s=28, zorder=2)
        if at is not None and trial.on_front:
            axes.annotate(str(trial.number), at, (4, 4), textcoords="offset points", fontsize=8)
    plain = point(report.plain) if report.plain is not None else None
    if plain is not None:
        axes.scatter(*plain, color=_RED, marker="x", s=48, zorder=3)
        axes.annotate("plain int8", plain, (4, -10), textcoords="offset points", color=_RED)
    axes.set_xlabel(title)
    axes.set_ylabel("accuracy on the validation samples, %")
    axes.grid(color="#e5e5e5", zorder=0)
