"""``tinygen doctor``: what this machine has and lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tinygen.commands import _options

if TYPE_CHECKING:
    from tinygen.doctor import Finding

_MISSING_TOOL = 3


@click.command()
@_options.json_file
def COMMAND(json_to: str | None) -> int:  # noqa: N802 - the name by which the command line finds it
    """Check compilers, emulators, packages, CMSIS-NN and serial ports.

    Ends with exit code 3 when something is missing that tinygen cannot do without.

    Example: tinygen doctor --json -
    """
    import dataclasses
    import json

    from tinygen import doctor
    from tinygen.output import write_text

    findings = doctor.examine()
    if json_to is not None:
        entries = [dataclasses.asdict(finding) for finding in findings]
        write_text(json_to, json.dumps(entries, indent=2) + "\n")
    else:
        _show(findings)
    lacking = any(finding.needed and not finding.present for finding in findings)
    return _MISSING_TOOL if lacking else 0


def _show(findings: list[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    from tinygen.commands._terminal import console

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for finding in findings:
        mark = Text("ok", "green")
        if not finding.present:
            mark = Text("missing", "red") if finding.needed else Text("absent", "yellow")
        table.add_row(mark, Text(finding.name), Text(finding.detail))
    console().print(table)
