"""``tinygen search``: the best ways to compress a model, or networks that fit a board."""

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
@click.option(
    "--space", type=_options.PATH, metavar="FILE", required=True, help="What may be chosen: TOML."
)
@_options.board
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="Finished trials to reach, all workers together.",
)
@click.option(
    "--storage",
    metavar="URL",
    help="The database that workers share, or a SQLite file.  [default: study.sqlite3 in DIR]",
)
@click.option(
    "-o",
    "--output",
    type=_options.PATH,
    metavar="DIR",
    help="Where results go, and where a killed search goes on from.",
)
@_options.json_file
@_options.config
def COMMAND(  # noqa: N802 - the name by which the command line finds it
    config: Path | None,
    space: Path,
    trials: int,
    storage: str | None,
    json_to: str | None,
    **options: Any,
) -> None:
    """Search for the best compressions of MODEL, or without one for networks of the zoo.

    Every trial is trained, quantized, compiled for the board and measured. The table shows those
    that no other one beats in accuracy, cycles, RAM and flash at once. The same command goes on
    with a search that was killed; several may share a storage. docs/search.md describes spaces.

    Example: tinygen search model.keras --data digits.npz --space digits.toml
    --board nucleo_l4r5zi --trials 20 -o found
    """
    from tinygen import pipeline
    from tinygen.commands import _terminal
    from tinygen.compress.search.report import show
    from tinygen.output import write_text

    settings = _options.settings(config, options)
    report = pipeline.search(settings, space, trials, storage, _terminal.progress())
    if json_to is not None:
        write_text(json_to, report.json_text())
    show(report, _terminal.console(stderr=json_to == "-"))
