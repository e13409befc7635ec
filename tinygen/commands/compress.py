"""``tinygen compress``: a trained model made smaller by a recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tinygen.commands import _options

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("model", type=_options.PATH, required=False)
@click.option(
    "--data",
    "samples",
    metavar="SOURCE",
    help="Labelled samples: a .npz file, or module:function.",
)
@click.option("--recipe", type=_options.PATH, metavar="FILE", help="What to do: a TOML file.")
@_options.board
@click.option(
    "-o",
    "--output",
    "tflite",
    type=_options.PATH,
    metavar="FILE",
    help="The .tflite file to write.",
)
@click.option(
    "--work",
    type=_options.PATH,
    metavar="DIR",
    help="Where a killed run goes on from.  [default: build/compress/MODEL]",
)
@_options.json_file
@_options.config
def COMMAND(  # noqa: N802 - the name by which the command line finds it
    config: Path | None, tflite: Path | None, json_to: str | None, **options: Any
) -> None:
    """Make MODEL smaller by a recipe, and write it as an int8 .tflite file.

    MODEL is a .keras or .h5 file. After every step the table says how accurate it is on the test
    samples and what it takes on the board. docs/compression.md describes recipes.

    Example: tinygen compress model.keras --data digits.npz --recipe half.toml
    --board nucleo_l4r5zi -o small.tflite
    """
    from tinygen import pipeline
    from tinygen.commands import _terminal
    from tinygen.compress.report import show
    from tinygen.output import write_text

    settings = _options.settings(config, options)
    report = pipeline.compress_model(settings, tflite, _terminal.progress())
    if json_to is not None:
        write_text(json_to, report.json_text())
    show(report, _terminal.console(stderr=json_to == "-"))
