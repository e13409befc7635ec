"""What labgrid wants written down: an exporter's resources, places with tags, targets, drivers.

All of it is text for files of labgrid's own; docs/rigs.md shows how they go together.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from tinygen.boards import load_board
from tinygen.errors import ConfigError
from tinygen.rig.place import BOARD_TAG, CONSOLE, PROBE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tinygen.boards import Board
    from tinygen.hil.hardware_map import Entry

    Tree: TypeAlias = Mapping[str, "Tree"] | Sequence["Tree"] | str | int

_PLAIN = re.compile(r"[A-Za-z_./][\w./-]*")
_WORDS = ("yes", "no", "on", "off", "true", "false", "null", "y", "n")
_LOAD = "program {filename} verify reset exit"


@dataclass(frozen=True)
class Wired:
    """A board at an exporter; ``entry`` is a real one's, ``port`` an emulated one's console."""

    name: str
    board: Board
    entry: Entry | None = None
    port: int | None = None


def wired(emulated: Iterable[str], entries: Iterable[Entry]) -> tuple[Wired, ...]:
    """Boards by ``BOARD:PORT`` and by a hardware map, each with a name for its place.

    A place is called after its board, with a number from the second one of its kind. Raises
    ConfigError for what is not ``BOARD:PORT``, for ports that collide and for no board at all;
    BoardError for an unknown board.
    """
    found: list[tuple[Board, Entry | None, int | None]] = []
    taken: set[int] = set()
    for text in emulated:
        name, _, number = text.rpartition(":")
        port = int(number) if number.isdecimal() else 0
        if not name or not 0 < port < 65535:
            raise ConfigError(f"--emulated {text!r} is not BOARD:PORT, as in nucleo_f746zg:4001")
        if taken & {port, port + 1}:
            raise ConfigError(
                f"--emulated {text!r} collides, as each board takes its port and the next one; "
                "leave room between them"
            )
        taken |= {port, port + 1}
        found.append((load_board(name), None, port))
    for entry in entries:
        if entry.connected:
            found.append((load_board(entry.platform.partition("/")[0]), entry, None))
    if not found:
        raise ConfigError(
            "no board is named; give --emulated BOARD:PORT, or --hardware-map FILE with a "
            "connected one"
        )
    counted: dict[str, int] = {}
    places = []
    for board, one, console in found:
        counted[board.name] = count = counted.get(board.name, 0) + 1
        place = board.name if count == 1 else f"{board.name}-{count}"
        places.append(Wired(place, board, one, console))
    return tuple(places)


def exporter(boards: Iterable[Wired], host: str) -> str:
    """The resource file of a ``labgrid-exporter``; ``host`` is where emulated boards listen."""
    return _yaml({board.name: _resources(board, host) for board in boards})


def place_commands(boards: Iterable[Wired], exporter_name: str) -> str:
    """The commands that make the places of an exporter, with tags to reserve them by."""
    lines = []
    for wired_board in boards:
        client = ["labgrid-client", "-p", wired_board.name]
        tags = [f"{BOARD_TAG}={wired_board.board.name}"]
        tags.append(f"emulated={'no' if wired_board.port is None else 'yes'}")
        if wired_board.entry is not None:
            tags += [f"{fixture}=yes" for fixture in wired_board.entry.fixtures]
        lines += [
            [*client, "create"],
            [*client, "add-match", f"{exporter_name}/{wired_board.name}/*"],
            [*client, "set-tags", *tags],
        ]
    return "".join(shlex.join(line) + "\n" for line in lines)


def targets(boards: Iterable[Wired]) -> str:
    """An environment file with a target per place, for labgrid-client and its pytest plugin."""
    return _yaml({"targets": {board.name: _target(board.name, board.board) for board in boards}})


def of_place(place: str, board: Board) -> str:
    """The environment that flashes one place.

    Raises ConfigError for a board that OpenOCD does not know.
    """
    if board.upload.openocd_board is None:
        raise ConfigError(
            f"{board.name} cannot be flashed on an exporter, as OpenOCD has no configuration for "
            "it; flash it by hand and give its --port"
        )
    return _yaml({"targets": {"main": _target(place, board)}})


def _resources(wired_board: Wired, host: str) -> Tree:
    speed = wired_board.board.console.baud
    entry, port = wired_board.entry, wired_board.port
    if entry is None and port is not None:
        served = {"cls": "NetworkSerialPort", "host": host, "protocol": "raw"}
        return {
            CONSOLE: {**served, "port": port, "speed": speed},
            PROBE: {**served, "port": port + 1},
        }
    assert entry is not None
    speed = entry.baud or speed
    console: dict[str, Tree] = {"speed": speed}
    if entry.serial is not None:
        console |= {"cls": "RawSerialPort", "port": entry.serial}
    elif entry.probe is not None:
        console |= {"cls": "USBSerialPort", "match": {"ID_SERIAL_SHORT": entry.probe}}
    else:
        raise ConfigError(
            f"the {wired_board.board.name} of the hardware map has neither serial nor id; add one"
        )
    resources: dict[str, Tree] = {CONSOLE: console}
    if entry.probe is not None:
        resources["debugger"] = {
            "cls": "USBDebugger",
            "match": {"ID_SERIAL_SHORT": entry.probe},
        }
    return resources


def _target(place: str, board: Board) -> Tree:
    drivers: list[Tree] = [{"SerialDriver": {"bindings": {"port": CONSOLE}}}]
    if board.upload.openocd_board is not None:
        openocd: Tree = {
            "board_config": f"{board.upload.openocd_board}.cfg",
            "load_commands": [_LOAD],
        }
        drivers.append({"OpenOCDDriver": openocd})
    return {"resources": {"RemotePlace": {"name": place}}, "drivers": drivers}


def _yaml(tree: Tree, indent: int = 0) -> str:
    """Nested mappings and lists as YAML in block style."""
    pad = "  " * indent
    if isinstance(tree, str | int):
        return f"{_scalar(tree)}\n"
    if not isinstance(tree, Mapping):
        items = (_yaml(item, indent + 1) for item in tree)
        return "".join(f"{pad}- {item.removeprefix(pad + '  ')}" for item in items)
    lines = []
    for key, value in tree.items():
        nested = not isinstance(value, str | int)
        lines.append(f"{pad}{_scalar(key)}:{chr(10) if nested else ' '}{_yaml(value, indent + 1)}")
    return "".join(lines)


def _scalar(value: str | int) -> str:
    """A number, or a string that no reader of YAML takes for something else."""
    if isinstance(value, int):
        return str(value)
    plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
    return value if plain else json.dumps(value)
