"""The map of boards that are plugged into a test machine, as Zephyr's twister writes it.

A YAML list with one entry per board; keys that mean nothing to tinygen are let through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import pydantic
from pydantic import Field

from tinygen.boards import all_boards
from tinygen.errors import ConfigError, NoDeviceError, ToolchainError

if TYPE_CHECKING:
    from pathlib import Path

    from tinygen.boards import Board


class Entry(pydantic.BaseModel):
    """One board: where it is (``serial``, ``probe_id`` or ``id``) and how it is flashed.

    ``platform`` is the name of a board, which qualifiers after a slash may follow; ``runner`` the
    tool that flashes it, ``flash_timeout`` in seconds; ``fixtures`` what is wired to it.
    """

    model_config = pydantic.ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)

    connected: bool = False
    id: str | None = None
    platform: str
    product: str | None = None
    runner: str | None = None
    serial: str | None = None
    baud: Annotated[int, Field(gt=0)] | None = None
    probe_id: str | None = None
    fixtures: tuple[str, ...] = ()
    notes: str | None = None
    flash_timeout: Annotated[float, Field(gt=0)] | None = None

    @property
    def probe(self) -> str | None:
        """Which debug probe to flash with."""
        return self.probe_id or self.id

    def fits(self, board: Board) -> bool:
        """Whether this is a board of that kind."""
        return self.platform.partition("/")[0] in (board.name, *board.aliases)


def read(path: Path) -> tuple[Entry, ...]:
    """The entries of a map.

    Raises ConfigError that names the file, the entry and the key; ToolchainError without PyYAML.
    """
    try:
        import yaml
    except ModuleNotFoundError:
        raise ToolchainError(
            f"reading {path} takes PyYAML; install it with: pip install 'tinygen[hil]'"
        ) from None
    try:
        # A file without an entry is an empty map, and that is what yaml makes of it: None.
        entries: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; name a readable file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path} is not valid YAML: {reason}; correct it there") from None
    if not isinstance(entries, list):
        raise ConfigError(f"{path} is not a hardware map; write a YAML list, one entry per board")
    return tuple(_entry(entry, f"{path}: entry {number}") for number, entry in enumerate(entries))


def find(entries: tuple[Entry, ...], board: Board, path: Path) -> Entry:
    """The first entry that is connected and whose platform is the board.

    Raises NoDeviceError when there is none.
    """
    for entry in entries:
        if entry.connected and entry.fits(board):
            return entry
    raise NoDeviceError(
        f"{path} has no connected {board.name}; plug one in and set its entry to connected: true"
    )


def only_board(entries: tuple[Entry, ...], path: Path) -> Board:
    """The board of a map where just one that tinygen knows is connected.

    Raises ConfigError when there are several kinds, NoDeviceError when there is none.
    """
    found = [board for board in all_boards() if any(e.connected and e.fits(board) for e in entries)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(board.name for board in found)
        raise ConfigError(f"{path} has several boards connected ({names}); choose with --board")
    raise NoDeviceError(f"{path} has no connected board that `tinygen boards` lists")


def _entry(entry: Any, where: str) -> Entry:
    try:
        return Entry.model_validate(entry)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"])) or "all of it"
        raise ConfigError(f"{where}: {key}: {first['msg'].lower()}; correct it there") from None
