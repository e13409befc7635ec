"""``tinygen test``: firmware on a board or an emulated one, against the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tinygen.commands import _options

if TYPE_CHECKING:
    from pathlib import Path

    from tinygen.commands._options import Documents


@click.command()
@click.argument("folder", metavar="[DIR]", type=_options.PATH, required=False)
@_options.board
@click.option("--port", metavar="PORT", help="Serial port.  [default: found by its USB ids]")
@click.option("--emulator", is_flag=True, help="Run the board's image in its emulator.")
@click.option("--data", type=_options.PATH, metavar="FILE", help="Samples: a .npz with x and y.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Run only N samples.")
@_options.metering
@_options.config
@_options.outputs
def COMMAND(  # noqa: N802 - the name by which the command line finds it
    folder: Path | None,
    port: str | None,
    emulator: bool,
    config: Path | None,
    documents: Documents,
    **options: Any,
) -> None:
    """Test the firmware in DIR on a board, or on an emulated one, and measure it.

    Every output is compared with the reference, byte for byte. With --data, the classes in y give
    the accuracy; without, random inputs are run. DIR is build/BOARD unless it is given.

    Energy is measured with --meter, and modelled from the board's power figures without.

    Example: tinygen test --board nucleo_f746 --emulator --data samples.npz --limit 1000
    """
    from tinygen import pipeline
    from tinygen.commands import _terminal
    from tinygen.report import budget

    if port is not None and emulator:
        raise click.UsageError("--port and --emulator exclude each other.")
    settings = _options.settings(config, options | {"output": folder})
    report, outcome = pipeline.measure_firmware(
        settings, _terminal.progress(), port=port, emulator=emulator
    )
    _terminal.publish(report, documents)
    outcome.enforce()
    budget.enforce(report)
