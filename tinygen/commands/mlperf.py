"""``tinygen mlperf``: what the official runner of MLPerf Tiny needs, for built firmware."""

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
@click.option("-o", "--output", type=_options.PATH, metavar="OUT", help="[default: mlperf/BOARD]")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.01, max=29),
    default=11.0,
    metavar="SECONDS",
    help="Least length of a timed window.  [default: 11]",
)
@click.option("--data", type=_options.PATH, metavar="FILE", help="Samples (.npz) for the runner.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N samples.")
@_options.config
@_options.json_file
def COMMAND(  # noqa: N802 - the name by which the command line finds it
    folder: Path | None,
    port: str | None,
    emulator: bool,
    output: Path | None,
    seconds: float,
    config: Path | None,
    json_to: str | None,
    **options: Any,
) -> None:
    """Prepare MLPerf Tiny's runner for the firmware in DIR.

    The firmware was built with --personality mlperf-tiny. How many inferences make a window is
    computed from the latency that is measured. OUT gets the runner's device file, its test scripts
    and, with --data, samples in its format. DIR is build/BOARD unless it is given.

    Example: tinygen mlperf --board nucleo_f746 --emulator -o mlperf
    """
    from tinygen import device_flows
    from tinygen.commands import _terminal
    from tinygen.mlperf_tiny import views
    from tinygen.output import write_text

    if port is not None and emulator:
        raise click.UsageError("--port and --emulator exclude each other.")
    settings = _options.settings(config, options | {"output": folder})
    prepared = device_flows.prepare_mlperf(
        settings, _terminal.progress(), output, port=port, emulator=emulator, seconds=seconds
    )
    if json_to is not None:
        write_text(json_to, views.json_text(prepared))
    click.echo(views.text(prepared), err=json_to == "-")
