"""``tinygen profile``: where the time of an inference goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tinygen.commands import _options

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("folder", metavar="[DIR]", type=_options.PATH, required=False)
@_options.board
@click.option("--port", metavar="PORT", help="Serial port.  [default: found by its USB ids]")
@click.option("--emulator", is_flag=True, help="Run the board's image in its emulator.")
@click.option("--data", type=_options.PATH, metavar="FILE", help="Samples (.npz) to run in turn.")
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    metavar="N",
    default=1,
    help="Profile N inferences.  [default: 1]",
)
@_options.config
@click.option("--html", "html_to", metavar="FILE", help="Write a web page with a flame graph.")
@_options.json_file
def COMMAND(  # noqa: N802 - the name by which the command line finds it
    folder: Path | None,
    port: str | None,
    emulator: bool,
    repeat: int,
    config: Path | None,
    html_to: str | None,
    json_to: str | None,
    **options: Any,
) -> None:
    """Profile the firmware in DIR on a board, or on an emulated one, layer by layer.

    A board with a cycle counter gives cycles, an emulator instructions; cycles that are modelled
    say so. Random inputs are run without --data. DIR is build/BOARD unless it is given.

    Example: tinygen profile --board nucleo_f746 --emulator --html profile.html
    """
    from tinygen import device_flows
    from tinygen.commands import _terminal
    from tinygen.output import write_text
    from tinygen.report import profile_views

    if port is not None and emulator:
        raise click.UsageError("--port and --emulator exclude each other.")
    settings = _options.settings(config, options | {"output": folder})
    profile = device_flows.profile_firmware(
        settings, _terminal.progress(), port=port, emulator=emulator, repeat=repeat
    )
    if json_to is not None:
        write_text(json_to, profile.json_text())
    if html_to is not None:
        write_text(html_to, profile_views.render(profile))
    profile_views.show(profile, _terminal.console(stderr="-" in (json_to, html_to)))
