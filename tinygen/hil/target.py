"""Which device tests are to run on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen import boards
from tinygen.device import flash
from tinygen.device.transport import find_port
from tinygen.errors import ConfigError, NoDeviceError
from tinygen.hil import hardware_map
from tinygen.hil.hardware_map import Entry

if TYPE_CHECKING:
    from pathlib import Path

    from tinygen.boards import Board

_RUNNERS = ("openocd", "pyocd", "mass_storage")


@dataclass(frozen=True)
class Target:
    """A board and the port it answers at; None for one that is emulated.

    ``entry`` is what the hardware map says of it, which is nothing without a map.
    """

    board: Board
    port: str | None
    entry: Entry

    @property
    def emulated(self) -> bool:
        """Whether an emulator stands in for the board."""
        return self.port is None

    @property
    def flash_tool(self) -> str:
        """What flashes the board: the map's runner, else what the board prefers.

        Raises ConfigError for a runner that tinygen cannot use, DeviceError for a board that
        cannot be flashed.
        """
        if self.entry.runner is None:
            return flash.choose(self.board)
        if self.entry.runner not in _RUNNERS:
            raise ConfigError(
                f"runner {self.entry.runner!r} in the hardware map is not one of "
                f"{', '.join(_RUNNERS)}; change it, or flash without --flash"
            )
        return self.entry.runner


def choose(
    board: str | None,
    *,
    port: str | None = None,
    emulator: bool = False,
    map_file: Path | None = None,
) -> Target:
    """The device that is meant by a board's name, a port, an emulator or a hardware map.

    Raises NoDeviceError, which says why, when nothing of that kind is there; ConfigError when
    what is given contradicts itself; BoardError for an unknown board.
    """
    if emulator and (port or map_file):
        raise ConfigError("--emulator excludes --port and --hardware-map; give one of them")
    if emulator:
        return _emulated(board)
    if map_file is not None:
        entries = hardware_map.read(map_file)
        found = boards.load_board(board) if board else hardware_map.only_board(entries, map_file)
        entry = hardware_map.find(entries, found, map_file)
    elif board is not None:
        found = boards.load_board(board)
        entry = Entry(platform=found.name)
    else:
        raise NoDeviceError("no board is named; give --board, or [build] board in tinygen.toml")
    return Target(found, port or entry.serial or find_port(found.name, found.usb_ids), entry)


def _emulated(board: str | None) -> Target:
    if board is None:
        raise ConfigError("--emulator needs a board; give --board, or [build] board")
    found = boards.load_board(board)
    if found.emulator is None:
        raise NoDeviceError(f"board {found.name} has no emulator; run its tests on a real one")
    return Target(found, None, Entry(platform=found.name))
