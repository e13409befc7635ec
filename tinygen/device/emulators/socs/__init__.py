"""Models of SoC families, one file each: the registers that a board's firmware touches.

The file has the name of the family's folder in ``firmware/soc``; its ``MODEL`` puts the peripherals
together (base.py). Files that begin with an underscore are what several families share.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tinygen.errors import BoardError

if TYPE_CHECKING:
    from tinygen.boards import Board
    from tinygen.device.emulators.socs.base import SocModel


def find(board: Board) -> SocModel:
    """The model of the board's SoC.

    Raises BoardError when the family, or the board's console, has none.
    """
    name = f"{__name__}.{board.soc}"
    model: SocModel | None = import_module(name).MODEL if find_spec(name) else None
    if model is None or board.console.peripheral not in model.consoles:
        raise BoardError(
            f"board {board.name}: {board.soc} with console {board.console.peripheral} cannot be"
            " emulated; use a board that `tinygen boards` lists with an emulator"
        )
    return model
