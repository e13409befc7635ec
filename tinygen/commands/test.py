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
@click.option(
    "--journal", type=_options.PATH, metavar="FILE", help="Keep answers here.  [default: in DIR]"
)
@click.option("--no-resume", is_flag=True, help="Forget a test that was broken off.")
@_options.config
@_options.outputs
def COMMAND(  # noqa: N802 - the name by which the command line finds it
    folder: Path | None,
    port: str | None,
    emulator: bool,
    journal: Path | None,
    no_resume: bool,
    config: Path | None,
    documents: Documents,
    **options: Any,
) -> None:
    """Test the firmware in DIR on a board, or on an emulated one, and measure it.

    Every output is compared with the reference, byte for byte. With --data, the classes in y give
    the accuracy; without, random inputs are run. DIR is build/BOARD unless it is given.

    Energy is measured with --meter, and modelled from the board's power figures without.

    Answers are kept as they come: a test that was broken off goes on where it was when the same
    command is run again.

    Example: tinygen test --board nucleo_f746 --emulator --data samples.npz --limit 1000
    """
    from tinygen import pipeline
    from tinygen.commands import _terminal
    from tinygen.journal import Journaling
    from tinygen.report import budget

    if port is not None and emulator:
        raise click.UsageError("--port and --emulator exclude each other.")
    settings = _options.settings(config, options | {"output": folder})
    journaling = Journaling(journal, resume=not no_resume)
    report, outcome = pipeline.measure_firmware(
        settings, _terminal.progress(), port=port, emulator=emulator, journaling=journaling
    )
    _terminal.publish(report, documents)
    journaling.finish()
    outcome.enforce()
    budget.enforce(report)
