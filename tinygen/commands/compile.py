"""``tinygen compile``: a model as a C library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tinygen.commands import _options

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("model", type=_options.PATH, required=False)
@click.option("-o", "--output", type=_options.PATH, metavar="DIR", help="Folder to write.")
@_options.board
@click.option("--core", metavar="NAME", help="A core instead of a board, such as cortex-m4.")
@_options.building
@_options.config
@_options.outputs
def COMMAND(  # noqa: N802 - the name by which the command line finds it
    model: Path | None,
    output: Path | None,
    board: str | None,
    core: str | None,
    kernels: str | None,
    objective: str | None,
    name: str | None,
    proof: str | None,
    calibration: Path | None,
    config: Path | None,
    json_to: str | None,
    junit_to: str | None,
    html_to: str | None,
) -> None:
    """Compile MODEL to a C library that any project can use, proven bit-exact.

    MODEL is an int8 .tflite file, or a .keras or .h5 file with --calibration.

    Example: tinygen compile model.tflite --board nucleo_f746 -o network
    """
    from tinygen import config as settings_file
    from tinygen import pipeline
    from tinygen.commands import _terminal

    settings = settings_file.load(
        {
            "model.path": model,
            "model.calibration": calibration,
            "build.output": output,
            "build.board": board,
            "build.core": core,
            "build.kernels": kernels,
            "build.objective": objective,
            "build.proof": proof,
            "project.name": name,
        },
        config,
    )
    report = pipeline.compile_library(settings, _terminal.progress())
    _terminal.finish(report, json_to, junit_to, html_to)
