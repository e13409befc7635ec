"""``tinygen flash``: firmware onto a board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tinygen.commands import _options

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("folder", metavar="[DIR]", type=_options.PATH, required=False)
@_options.board
@click.option(
    "--with",
    "tool",
    type=click.Choice(["openocd", "pyocd", "mass_storage"]),
    help="How to flash.  [default: what the board prefers]",
)
@click.option("--probe", metavar="ID", help="Which debug probe, or the folder of its drive.")
@_options.config
def COMMAND(  # noqa: N802 - the name by which the command line finds it
    folder: Path | None,
    tool: str | None,
    probe: str | None,
    config: Path | None,
    **options: Any,
) -> None:
    """Flash the firmware in DIR onto a board that is plugged in.

    DIR is build/BOARD unless it is given.

    Example: tinygen flash --board nucleo_f746
    """
    from tinygen import device_flows
    from tinygen.commands import _terminal

    settings = _options.settings(config, options | {"output": folder})
    device_flows.flash_firmware(settings, _terminal.progress(), tool=tool, probe=probe)
