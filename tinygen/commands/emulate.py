"""``tinygen emulate``: an emulated board as a serial port for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tinygen.commands import _options

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("folder", metavar="[DIR]", type=_options.PATH, required=False)
@_options.board
@click.option("--pty", is_flag=True, help="Serve a pseudo-terminal.  [default]")
@click.option("--tcp", is_flag=True, help="Serve a TCP port of this machine.")
@click.option("--link", type=_options.PATH, metavar="FILE", help="Link to the pseudo-terminal.")
@_options.config
def COMMAND(  # noqa: N802 - the name by which the command line finds it
    folder: Path | None,
    pty: bool,
    tcp: bool,
    link: Path | None,
    config: Path | None,
    **options: Any,
) -> None:
    """Run the firmware in DIR on an emulated board until Ctrl-C.

    The first line on standard output is what to open, with pyserial or any terminal program.
    DIR is build/BOARD unless it is given.

    Example: tinygen emulate --board nucleo_f746 --link /tmp/nucleo
    """
    from tinygen import device_flows
    from tinygen.commands import _terminal

    if tcp and (pty or link is not None):
        raise click.UsageError("--tcp excludes --pty and --link.")
    settings = _options.settings(config, options | {"output": folder})
    device_flows.emulate_firmware(settings, _terminal.progress(), click.echo, link=link, tcp=tcp)
