"""``tinygen boards``: what tinygen can build for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tinygen.commands import _options

if TYPE_CHECKING:
    from tinygen.boards import Board


@click.command()
@_options.json_file
def COMMAND(json_to: str | None) -> None:  # noqa: N802 - the name by which the command line finds it
    """List the boards, their memory and their emulators.

    Example: tinygen boards --json boards.json
    """
    import json

    from tinygen.boards import all_boards
    from tinygen.output import write_text

    boards = all_boards()
    if json_to is not None:
        write_text(json_to, json.dumps([_facts(board) for board in boards], indent=2) + "\n")
        return

    from rich.table import Table

    from tinygen.commands._terminal import console

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("board", "also", "core", "emulator"):
        table.add_column(heading)
    for heading in ("MHz", "flash KiB", "RAM KiB"):
        table.add_column(heading, justify="right")
    for board in boards:
        facts = _facts(board)
        table.add_row(
            board.name,
            ", ".join(board.aliases),
            board.core,
            facts["emulator"] or "-",
            f"{board.clock.hz / 1e6:g}",
            f"{board.flash.bytes >> 10:,}",
            f"{facts['ram_bytes'] >> 10:,}",
        )
    console().print(table)


def _facts(board: Board) -> dict[str, Any]:
    return {
        "name": board.name,
        "aliases": list(board.aliases),
        "title": board.title,
        "core": board.core,
        "hz": board.clock.hz,
        "flash_bytes": board.flash.bytes,
        "ram_bytes": sum(region.bytes for region in board.ram),
        "emulator": board.emulator and board.emulator.kind,
    }
