"""Boards that several people share: reserved at a labgrid coordinator, flashed and used remotely.

labgrid brings its own fork of pyserial, so it is never imported here: it runs in an interpreter of
its own (installed.py, agent.py), and what comes back is JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tinygen.rig.coordinator import Coordinator

ADDRESS_VARIABLE = "LG_COORDINATOR"


def coordinator(address: str) -> Coordinator:
    """The coordinator at HOST:PORT, or HOST; it is not asked yet.

    Raises ToolchainError when labgrid is not installed.
    """
    from tinygen.rig import installed
    from tinygen.rig.coordinator import Coordinator

    return Coordinator(address, installed.find())


def tags(board: str | None, pairs: Iterable[str]) -> dict[str, str]:
    """The tags of a place by the name or an alias of its board, and by ``KEY=VALUE``.

    Raises BoardError for an unknown board, ConfigError for what is not ``KEY=VALUE``.
    """
    from tinygen import boards
    from tinygen.rig.place import BOARD_TAG

    found = {} if board is None else {BOARD_TAG: boards.load_board(board).name}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals and value):
            raise ConfigError(f"tag {pair!r} is not KEY=VALUE, as in fixture=power_meter")
        found[key] = value
    return found
