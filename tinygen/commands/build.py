"""``tinygen build``: a model as firmware for a board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tinygen.commands import _options

if TYPE_CHECKING:
    from pathlib import Path

    from tinygen.commands._options import Documents


@click.command()
@click.argument("model", type=_options.PATH, required=False)
@click.option(
    "-o",
    "--output",
    type=_options.PATH,
    metavar="DIR",
    help="Folder to write.  [default: build/BOARD]",
)
@_options.board
@_options.building
@click.option(
    "--copy-hot/--no-copy-hot",
    default=None,
    help="With --objective latency, copy hot code and constants at start-up from slow flash into "
    "fast memory that is left.  [default: copy]",
)
@click.option(
    "--personality",
    type=click.Choice(["tinygen", "mlperf-tiny"]),
    help="The protocol that the firmware speaks.  [default: tinygen]",
)
@click.option(
    "--benchmark",
    type=click.Choice(["kws", "ic", "vww", "ad"]),
    help="Benchmark of mlperf-tiny.  [default: the one with the model's shapes]",
)
@click.option(
    "--mode",
    type=click.Choice(["performance", "energy"]),
    help="How mlperf-tiny gives timestamps.  [default: performance]",
)
@_options.config
@_options.outputs
def COMMAND(  # noqa: N802 - the name by which the command line finds it
    config: Path | None,
    documents: Documents,
    **options: Any,
) -> None:
    """Build firmware that runs MODEL on a board, proven bit-exact.

    MODEL is an int8 .tflite file, or a .keras or .h5 file with --calibration. The folder is a
    PlatformIO project that 'pio run' builds as well.

    Example: tinygen build model.tflite --board nucleo_f746
    """
    from tinygen import pipeline
    from tinygen.commands import _terminal
    from tinygen.report import budget

    settings = _options.settings(config, options)
    report = pipeline.build_firmware(settings, _terminal.progress())
    _terminal.publish(report, documents)
    budget.enforce(report)
