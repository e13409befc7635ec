"""Which tool puts an image onto a board; the project's own upload target then calls it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tinygen.errors import DeviceError

if TYPE_CHECKING:
    from tinygen.boards import Board

# The probe's drive needs no program.
_PROGRAMS = {"openocd": "openocd", "pyocd": "pyocd", "mass_storage": None}


def choose(board: Board) -> str:
    """The first of the board's tools that is installed, in the order the board prefers.

    Without any, the one the board prefers: the attempt then says what to install. Raises
    DeviceError for a board that cannot be flashed.
    """
    protocols = board.upload.protocols or tuple(filter(None, (board.upload.protocol,)))
    if not protocols:
        raise DeviceError(
            f"board {board.name} cannot be flashed; run its firmware with tinygen test --emulator"
        )
    for protocol in protocols:
        program = _PROGRAMS.get(protocol)
        if program is not None and shutil.which(program):
            return protocol
    return "mass_storage" if "mass_storage" in protocols else protocols[0]
