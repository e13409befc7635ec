"""``tinygen compile``: a model as a C library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tinygen.commands import _options

if TYPE_CHECKING:
    from pathlib import Path

    from tinygen.commands._options import Documents


@click.command()
@click.argument("model", type=_options.PATH, required=False)
@click.option("-o", "--output", type=_options.PATH, metavar="DIR", help="Folder to write.")
@_options.board
@click.option("--core", metavar="NAME", help="A core instead of a board, such as cortex-m4.")
@_options.building
@_options.config
@_options.outputs
def COMMAND(  # noqa: N802 - the name by which the command line finds it
    config: Path | None,
    documents: Documents,
    **options: Any,
) -> None:
    """Compile MODEL to a C library that any project can use, proven bit-exact.

    MODEL is an int8 .tflite file, or a .keras or .h5 file with --calibration.

    Example: tinygen compile model.tflite --board nucleo_f746 -o network
    """
    from tinygen import pipeline
    from tinygen.commands import _terminal
    from tinygen.report import budget

    settings = _options.settings(config, options)
    report = pipeline.compile_library(settings, _terminal.progress())
    _terminal.publish(report, documents)
    budget.enforce(report)
