"""``tinygen compare``: what a change did to the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tinygen.commands import _options

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("before", metavar="OLD.json", type=_options.PATH)
@click.argument("after", metavar="NEW.json", type=_options.PATH)
@_options.json_file
def COMMAND(  # noqa: N802 - the name by which the command line finds it
    before: Path, after: Path, json_to: str | None
) -> None:
    """Compare two reports that build or test wrote with --json.

    Writes Markdown for a pull request to standard output: every figure before and after, and the
    layers that changed.

    Example: tinygen compare main/report.json report.json > comment.md
    """
    import json

    from tinygen.output import write_text
    from tinygen.report.compare import compare
    from tinygen.report.model import read_report

    comparison = compare(read_report(before), read_report(after))
    if json_to is not None:
        write_text(json_to, json.dumps(comparison.as_json(), indent=2) + "\n")
    if json_to != "-":
        write_text("-", comparison.as_markdown())
