"""What a command shows: progress on standard error, results on standard output."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

import click

from tinygen.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console

    from tinygen.commands._options import Documents
    from tinygen.progress import Progress
    from tinygen.report.model import Report

T = TypeVar("T")

_WIDTH_OF_A_FILE = 120


def console(*, stderr: bool = False) -> Console:
    """A console that is as wide as its terminal, or wide and plain where there is none."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(
        file=stream,
        width=None if stream.isatty() else _WIDTH_OF_A_FILE,
        highlight=False,
        soft_wrap=False,
    )


class Bar:
    """Progress on a terminal: a line per step, a bar for what is counted."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen

    def step(self, text: str) -> None:
        """Shows the step."""
        self._screen.print(text, style="dim", markup=False)

    def track(self, items: Iterable[T], total: int, text: str) -> Iterator[T]:
        """A bar that goes away when everything has been taken."""
        from rich.progress import track

        yield from track(items, text, total, console=self._screen, transient=True)


class Lines(Silent):
    """Progress where there is no terminal: one plain line per step."""

    def step(self, text: str) -> None:
        """Writes the line."""
        click.echo(text, err=True)


def progress() -> Progress:
    """Progress on standard error, as that can show it."""
    screen = console(stderr=True)
    return Bar(screen) if screen.is_terminal else Lines()


def publish(report: Report, documents: Documents) -> None:
    """Write the report where it was asked for, and show it."""
    from tinygen.output import write_text
    from tinygen.report import budget, html, junit
    from tinygen.report.console import show

    if documents.json is not None:
        write_text(documents.json, report.json_text())
    if documents.junit is not None:
        write_text(documents.junit, junit.render(report))
    if documents.html is not None:
        write_text(documents.html, html.render(report))
    # Standard output belongs to the document that was sent there.
    show(report, console(stderr="-" in (documents.json, documents.junit, documents.html)))
    for remark in budget.unjudged(report):
        click.echo(remark, err=True)
