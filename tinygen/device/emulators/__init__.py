"""Emulated boards that run the very image a real board would get."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.errors import BoardError

if TYPE_CHECKING:
    from pathlib import Path

    from tinygen.boards import Board
    from tinygen.device.emulators.running import RunningEmulator


def start(board: Board, elf: Path) -> RunningEmulator:
    """The board, running the image; a context manager that ends it.

    Raises BoardError when the board has no emulator, ToolchainError when QEMU is missing,
    BuildError when the file is no linked image, DeviceError when the emulator does not come up.
    """
    from tinygen.device.emulators.image import read_image

    if board.emulator is None:
        raise BoardError(
            f"board {board.name} has no emulator; connect a real one, or choose a board that "
            "`tinygen boards` lists with an emulator"
        )
    read_image(elf)
    if board.emulator.kind == "unicorn":
        from tinygen.device.emulators.unicorn_board import UnicornBoard

        return UnicornBoard(board, elf)
    from tinygen.device.emulators.qemu import QemuBoard

    return QemuBoard(board, board.emulator, elf)
