"""Which device tests are to run on."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen import boards
from tinygen.device import flash
from tinygen.device.transport import find_port
from tinygen.errors import ConfigError, NoDeviceError
from tinygen.hil import hardware_map
from tinygen.hil.hardware_map import Entry
from tinygen.rig import coordinator, place
from tinygen.rig.loan import Loan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tinygen.boards import Board
    from tinygen.progress import Progress

_RUNNERS = ("openocd", "pyocd", "mass_storage")


@dataclass(frozen=True)
class Target:
    """A board and the port it answers at; None for one that is emulated on this machine.

    ``entry`` is what the hardware map says of it, which is nothing without a map; ``loan`` is how a
    board came from a rig.
    """

    board: Board
    port: str | None
    entry: Entry
    loan: Loan | None = None

    @property
    def emulated(self) -> bool:
        """Whether an emulator stands in for the board, here or on a rig."""
        return self.port is None or (self.loan is not None and self.loan.emulated)

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


@contextmanager
def on_rig(
    address: str,
    board: str | None,
    pairs: Sequence[str],
    wait: float | None,
    progress: Progress,
) -> Iterator[Target]:
    """A board of the labgrid coordinator at an address, which nobody else has until the end.

    ``pairs`` are further tags, ``KEY=VALUE``; ``wait`` is in seconds, for ever by default. Raises
    what :meth:`tinygen.rig.coordinator.Coordinator.hold` does.
    """
    if board is None:
        raise ConfigError("--rig needs a board; give --board, or [build] board")
    found = boards.load_board(board)
    lender = coordinator.at(address)
    with lender.hold(place.tags(found.name, pairs), progress, wait) as held:
        fixtures = tuple(sorted(tag for tag, value in held.tags.items() if value == "yes"))
        entry = Entry(platform=found.name, baud=held.baud, fixtures=fixtures)
        yield Target(found, held.console, entry, Loan(lender, held))


def _emulated(board: str | None) -> Target:
    if board is None:
        raise ConfigError("--emulator needs a board; give --board, or [build] board")
    found = boards.load_board(board)
    if found.emulator is None:
        raise NoDeviceError(f"board {found.name} has no emulator; run its tests on a real one")
    return Target(found, None, Entry(platform=found.name))
