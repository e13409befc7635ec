"""``tinygen deps``: sources that generated code can use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tinygen.commands import _options

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def COMMAND() -> None:  # noqa: N802 - the name by which the command line finds it
    """Install and list the sources that generated code can use.

    Example: tinygen deps install cmsis-nn
    """


@COMMAND.command()
@click.argument("name", type=click.Choice(["cmsis-nn"]))
@click.option(
    "--from",
    "source",
    type=_options.PATH,
    metavar="PATH",
    help="Take it from a folder, a .tar.gz or a .zip instead of the network.",
)
@click.option("--unpinned", is_flag=True, help="Accept another version; reports will say so.")
def install(name: str, source: Path | None, unpinned: bool) -> None:
    """Download, verify and install a dependency into the cache.

    Example: tinygen deps install cmsis-nn --from CMSIS-NN.tar.gz
    """
    from tinygen import deps

    installed = deps.install_cmsis_nn(source, unpinned=unpinned)
    click.echo(f"{name} {installed.commit} is installed in {installed.root}")


@COMMAND.command(name="list")
@_options.json_file
def list_(json_to: str | None) -> None:
    """List the dependencies and what is installed.

    Example: tinygen deps list --json -
    """
    import json

    from tinygen import deps
    from tinygen.output import write_text

    found = deps.cmsis_nn()
    if json_to is not None:
        entry = {
            "name": "cmsis-nn",
            "pin": deps.CMSIS_NN_COMMIT,
            "installed": found and found.commit,
            "pinned": found and found.pinned,
            "root": found and str(found.root),
        }
        write_text(json_to, json.dumps([entry], indent=2) + "\n")
    elif found is None:
        click.echo(f"cmsis-nn {deps.CMSIS_NN_COMMIT} (not installed)")
    else:
        pinned = "" if found.pinned else " (not the pinned version)"
        click.echo(f"cmsis-nn {found.commit} in {found.root}{pinned}")
