"""``tinygen tune``: what every kernel takes on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tinygen.commands import _options

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("model", type=_options.PATH, required=False)
@_options.board
@click.option("--port", metavar="PORT", help="Serial port.  [default: found by its USB ids]")
@click.option("--probe", metavar="ID", help="Which debug probe, or the folder of its drive.")
@click.option("--emulator", is_flag=True, help="Run the board's images in its emulator.")
@click.option(
    "-o",
    "--output",
    "table",
    type=_options.PATH,
    metavar="TABLE",
    help="JSON file to write.  [default: [build] tuned of tinygen.toml]",
)
@click.option(
    "--kernels",
    type=click.Choice(["auto", "cmsis-nn", "tinygen"]),
    help="Whose kernels to measure.  [default: auto]",
)
@click.option(
    "--objective",
    type=click.Choice(["latency", "ram", "flash"]),
    help="What builds make small: with flash, code is compiled for size.  [default: latency]",
)
@click.option(
    "--max-flash",
    type=click.IntRange(min=1),
    metavar="BYTES",
    help="Begin with kernels whose constants and code take at most this, by estimate.",
)
@click.option(
    "--calibration",
    type=_options.PATH,
    metavar="FILE",
    help="Samples (.npz) to quantize a .keras or .h5 model with.",
)
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    metavar="N",
    default=1,
    help="Measure N inferences per image.  [default: 1]",
)
@_options.config
@_options.json_file
def COMMAND(  # noqa: N802 - the name by which the command line finds it
    table: Path | None,
    port: str | None,
    probe: str | None,
    emulator: bool,
    repeat: int,
    config: Path | None,
    json_to: str | None,
    **options: Any,
) -> None:
    """Measure every kernel of every layer of MODEL on a board, and keep what they took.

    Builds with --tuned TABLE choose kernels by that instead of by estimates. Every image runs
    another kernel in each layer, and its outputs are compared with the reference; a board is
    flashed with one after the other. Shown is how measurements and estimates compare, and which
    layers change their kernel. A board counts cycles, an emulator instructions.

    Example: tinygen tune model.tflite --board nucleo_f746 -o f746.json
    """
    from tinygen import device_flows
    from tinygen.commands import _terminal
    from tinygen.output import write_text
    from tinygen.tuning.comparison import show

    if emulator and (port is not None or probe is not None):
        raise click.UsageError("--emulator excludes --port and --probe.")
    settings = _options.settings(config, options)
    comparison = device_flows.tune_kernels(
        settings,
        table,
        _terminal.progress(),
        port=port,
        probe=probe,
        emulator=emulator,
        repeat=repeat,
    )
    if json_to is not None:
        write_text(json_to, comparison.json_text())
    show(comparison, _terminal.console(stderr=json_to == "-"))
