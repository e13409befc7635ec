"""``tinygen rig``: boards that several people share through labgrid."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from tinygen.commands import _options

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from tinygen.rig.environment import Wired

F = TypeVar("F", bound="Callable[..., Any]")


def _boards(command: F) -> F:
    """Which boards an exporter has."""
    command = click.option(
        "--hardware-map",
        "map_file",
        type=_options.PATH,
        metavar="FILE",
        help="YAML map of the boards that are plugged in.",
    )(command)
    return click.option(
        "--emulated",
        multiple=True,
        metavar="BOARD:PORT",
        help="An emulated board; its probe is at the next port. May be repeated.",
    )(command)


def _wired(emulated: tuple[str, ...], map_file: Path | None) -> tuple[Wired, ...]:
    from tinygen.hil import hardware_map
    from tinygen.rig import environment

    entries = () if map_file is None else hardware_map.read(map_file)
    return environment.wired(emulated, entries)


@click.group()
def COMMAND() -> None:  # noqa: N802 - the name by which the command line finds it
    """Share boards through a labgrid coordinator; docs/rigs.md is the manual.

    Example: tinygen rig check --board nucleo_f746
    """


@COMMAND.command()
@_boards
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Where emulated boards listen, as clients reach it.",
)
def exporter(emulated: tuple[str, ...], map_file: Path | None, host: str) -> None:
    """Print the resources of a labgrid-exporter.

    Example: tinygen rig exporter --hardware-map map.yml > exporter.yaml
    """
    from tinygen.rig import environment

    click.echo(environment.exporter(_wired(emulated, map_file), host), nl=False)


@COMMAND.command()
@_boards
@click.option(
    "--exporter", "name", default="*", show_default=True, help="The exporter's name in labgrid."
)
def places(emulated: tuple[str, ...], map_file: Path | None, name: str) -> None:
    """Print the commands that make a coordinator's places, with tags to reserve them by.

    Example: tinygen rig places --emulated nucleo_f746zg:4001 --exporter bench | sh
    """
    from tinygen.rig import environment

    click.echo(environment.place_commands(_wired(emulated, map_file), name), nl=False)


@COMMAND.command()
@_boards
def environment(emulated: tuple[str, ...], map_file: Path | None) -> None:
    """Print an environment with a target per place, for labgrid's own tools.

    Example: tinygen rig environment --hardware-map map.yml > environment.yaml
    """
    from tinygen.rig import environment

    click.echo(environment.targets(_wired(emulated, map_file)), nl=False)


@COMMAND.command()
@click.option(
    "--emulated",
    multiple=True,
    required=True,
    metavar="BOARD:PORT",
    help="An emulated board; its probe is at the next port. May be repeated.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
def serve(emulated: tuple[str, ...], host: str) -> None:
    """Serve emulated boards for an exporter until Ctrl-C.

    They are blank until somebody flashes them. Whoever reaches their ports can run images on them.

    Example: tinygen rig serve --emulated nucleo_f746zg:4001 --emulated mps2_an386:4003
    """
    from tinygen.rig import emulated as serving

    serving.serve(_wired(emulated, None), host, click.echo)


@COMMAND.command()
@click.option(
    "--coordinator",
    "address",
    metavar="HOST[:PORT]",
    envvar="LG_COORDINATOR",
    default="127.0.0.1:20408",
    help="The labgrid coordinator.  [default: LG_COORDINATOR, or 127.0.0.1:20408]",
)
@click.option("--board", metavar="NAME", help="Only places for this board.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Only places that have it.")
@click.option("--hello", is_flag=True, help="Acquire each free place, and ask its board who it is.")
@_options.json_file
def check(
    address: str, board: str | None, tags: tuple[str, ...], hello: bool, json_to: str | None
) -> None:
    """See whether the boards of a coordinator can be used, and who has them.

    Example: tinygen rig check --coordinator lab:20408 --board nucleo_f746 --hello
    """
    import json

    from tinygen.commands import _terminal
    from tinygen.errors import DeviceError
    from tinygen.output import write_text
    from tinygen.rig import coordinator, place
    from tinygen.rig.check import check

    wanted = place.tags(board, tags)
    found = check(coordinator.at(address), wanted, _terminal.progress(), greet=hello)
    if json_to is not None:
        write_text(json_to, json.dumps([one.as_json() for one in found], indent=2) + "\n")
    for one in found:
        if json_to is None:
            state = f"with {one.holder}" if one.holder else one.answer or "free"
            tags_of = " ".join(f"{key}={value}" for key, value in sorted(one.tags.items()))
            click.echo(f"{one.place}: {state} ({tags_of})")
        for fault in one.faults:
            click.echo(f"{one.place}: {fault}", err=True)
    faulty = [one.place for one in found if one.faults]
    if faulty:
        raise DeviceError(
            f"{len(faulty)} of {len(found)} places cannot be used ({', '.join(faulty)}); "
            "the lines above say why"
        )
