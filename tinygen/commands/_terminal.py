"""What a command shows: progress on standard error, results on standard output."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from tinygen.report.model import Report

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


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A function that tells what is being done: a spinner on a terminal, else a line each."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda step: screen.print(step, markup=False)
        return
    with screen.status("starting") as status:

        def tell(step: str) -> None:
            status.update(step)

        yield tell


def finish(report: Report, json_to: str | None, junit_to: str | None, html_to: str | None) -> None:
    """Write the report where it was asked for, show it, then hold it against its budgets.

    Raises BudgetError when a budget is not met, after everything has been written.
    """
    from tinygen.output import write_text
    from tinygen.report import budget, html, junit
    from tinygen.report.console import show

    if json_to is not None:
        write_text(json_to, report.json_text())
    if junit_to is not None:
        write_text(junit_to, junit.render(report))
    if html_to is not None:
        write_text(html_to, html.render(report))
    # Standard output belongs to the document that was sent there.
    show(report, console(stderr="-" in (json_to, junit_to, html_to)))
    budget.enforce(report)
