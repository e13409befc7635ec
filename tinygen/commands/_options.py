"""Options that several commands share."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tinygen.config import Settings

F = TypeVar("F", bound="Callable[..., Any]")

PATH = click.Path(path_type=Path)

board = click.option("--board", metavar="NAME", help="The board; 'tinygen boards' lists them.")
config = click.option(
    "--config",
    type=PATH,
    metavar="FILE",
    help="Settings file.  [default: tinygen.toml, where there is one]",
)


# Which setting of tinygen.toml an option stands for.
_SETTINGS = {
    "model": "model.path",
    "calibration": "model.calibration",
    "output": "build.output",
    "board": "build.board",
    "core": "build.core",
    "kernels": "build.kernels",
    "objective": "build.objective",
    "max_flash": "build.max_flash",
    "max_ram": "build.max_ram",
    "copy_hot": "build.copy_hot",
    "tuned": "build.tuned",
    "proof": "build.proof",
    "personality": "build.personality",
    "benchmark": "mlperf.benchmark",
    "mode": "mlperf.mode",
    "name": "project.name",
    "exit": "exit.output",
    "exit_threshold": "exit.threshold",
    "data": "data.path",
    "limit": "data.limit",
    "recipe": "compress.recipe",
    "samples": "compress.data",
    "work": "compress.work",
    "meter": "power.meter",
    "trigger": "power.trigger",
    "volts": "power.volts",
    "windows": "power.windows",
    "inferences_per_window": "power.inferences_per_window",
}


def settings(file: Path | None, options: Mapping[str, Any]) -> Settings:
    """tinygen.toml, or the file that is named, under the options of a command."""
    from tinygen import config

    return config.load({_SETTINGS[name]: value for name, value in options.items()}, file)


def json_file(command: F) -> F:
    """``--json``, for commands that print a table."""
    return click.option(
        "--json", "json_to", metavar="FILE", help="Write JSON to FILE; - is standard output."
    )(command)


@dataclass(frozen=True)
class Documents:
    """Where a report is to be written: file names, - for standard output, None for nowhere."""

    json: str | None
    junit: str | None
    html: str | None


def outputs(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--json``, ``--junit`` and ``--html``, which the command gets as its ``documents``."""

    @functools.wraps(command)
    def collected(
        json_to: str | None, junit_to: str | None, html_to: str | None, **rest: Any
    ) -> Any:
        return command(documents=Documents(json_to, junit_to, html_to), **rest)

    decorated: Callable[..., Any] = collected
    for name, what in (
        ("html", "the report as a web page"),
        ("junit", "JUnit XML"),
        ("json", "the report as JSON"),
    ):
        decorated = click.option(
            f"--{name}",
            f"{name}_to",
            metavar="FILE",
            help=f"Write {what} to FILE; - is standard output.",
        )(decorated)
    return decorated


def metering(command: F) -> F:
    """How energy is measured, for ``test``."""
    options = (
        click.option(
            "--meter",
            metavar="METER",
            help="powershield:PORT, joulescope, ppk2:PORT or modelled; docs/power.md.",
        ),
        click.option(
            "--trigger",
            type=click.Choice(["pin", "software"]),
            help="What delimits the meter's windows.  [default: pin]",
        ),
        click.option(
            "--volts",
            type=click.FloatRange(min=0, min_open=True),
            metavar="V",
            help="What the meter supplies.  [default: the board's voltage, or 3.3]",
        ),
        click.option(
            "--windows",
            type=click.IntRange(min=1),
            metavar="N",
            help="Windows to measure.  [default: 5]",
        ),
        click.option(
            "--inferences-per-window",
            type=click.IntRange(min=1),
            metavar="N",
            help="Inferences in each.  [default: as many as take a second]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def building(command: F) -> F:
    """How a model is compiled, for ``compile`` and ``build``."""
    options = (
        click.option(
            "--kernels",
            type=click.Choice(["auto", "cmsis-nn", "tinygen"]),
            help="Where kernels come from.  [default: auto]",
        ),
        click.option(
            "--objective",
            type=click.Choice(["latency", "ram", "flash"]),
            help="What to make small.  [default: latency]",
        ),
        click.option(
            "--max-flash",
            type=click.IntRange(min=1),
            metavar="BYTES",
            help="Choose kernels whose constants and code take at most this, by estimate.",
        ),
        click.option(
            "--max-ram",
            type=click.IntRange(min=1),
            metavar="BYTES",
            help="Choose kernels whose arena takes at most this, copies in fast memory included.",
        ),
        click.option(
            "--tuned",
            type=PATH,
            metavar="TABLE",
            help="Choose kernels by what 'tinygen tune' measured on this board.",
        ),
        click.option(
            "--name", metavar="PREFIX", help="Prefix of C names and files.  [default: network]"
        ),
        click.option(
            "--proof",
            type=click.Choice(["full", "host"]),
            help="full also proves the target's object code, under emulation.  [default: full]",
        ),
        click.option(
            "--exit",
            type=click.IntRange(0, 1),
            metavar="OUTPUT",
            help="Let inferences stop early at this one of two outputs; docs/early-exit.md.",
        ),
        click.option(
            "--exit-threshold",
            type=click.FloatRange(0, 1, min_open=True),
            metavar="P",
            help="Probability from which on they do.",
        ),
        click.option(
            "--calibration",
            type=PATH,
            metavar="FILE",
            help="Samples (.npz) to quantize a .keras or .h5 model with.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
