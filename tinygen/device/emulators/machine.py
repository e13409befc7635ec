"""A board under unicorn: core, memory and the SoC's peripherals put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.boards import pin_position
from tinygen.device.emulators import socs
from tinygen.device.emulators.cortex_m import CortexM

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygen.boards import Board
    from tinygen.device.emulators.image import Image


class Machine:
    """A board with an image in its flash.

    ``transmit`` gets the bytes that leave the console; ``edge``, which may be replaced, hears of
    every change of the trigger pin, with the instructions executed so far. Raises BoardError when
    the board's SoC or console is not modelled.
    """

    def __init__(self, board: Board, image: Image, transmit: Callable[[int], None]) -> None:
        self._trigger = pin_position(board.trigger.pin) if board.trigger else None
        soc = socs.find(board).assemble(board.console.peripheral, transmit, self._level_changed)
        self.console = soc.console
        self.windows = 0
        self.edge: Callable[[bool, int], None] = lambda level, instructions: None
        self.cpu = CortexM(
            board.cpu,
            board.memory,
            image,
            soc.peripherals,
            {soc.interrupt: lambda: soc.console.interrupting},
            self._close_window,
        )

    def _level_changed(self, port: int, pin: int, level: bool) -> None:
        """Instructions are tallied while the trigger pin is high."""
        if (port, pin) != self._trigger:
            return
        self.edge(level, self.cpu.counter.instructions)
        if level:
            self.windows += 1
            self.cpu.counter.open_window()
        else:
            self._close_window()

    def _close_window(self) -> None:
        self.cpu.counter.close_window()
