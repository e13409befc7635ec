"""Energy where no meter is: run current of the data sheet, times voltage, times time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.device.power.meter import Window
from tinygen.errors import ConfigError

if TYPE_CHECKING:
    from tinygen.boards import Board


class Modelled:
    """A meter that computes what it says.

    The current is scaled in proportion to the clock where the data sheet has it at another
    frequency. Raises ConfigError for a board without power figures.
    """

    name = "modelled"

    def __init__(self, board: Board) -> None:
        if board.power is None:
            raise ConfigError(
                f"board {board.name} has no power figures, so its energy cannot be modelled; "
                "leave --meter out, or measure on a real board"
            )
        self._amperes = board.power.milliamps / 1e3 * board.clock.hz / board.power.at_hz
        self._volts = board.power.volts

    def supply(self, volts: float) -> None:
        """Computes with another voltage than the board's."""
        self._volts = volts

    def start(self) -> None:
        """There is nothing to start."""

    def stop(self, seconds: float) -> tuple[Window, ...]:
        """One window of ``seconds``."""
        return (Window(seconds, self._amperes * self._volts * seconds),)

    def close(self) -> None:
        """There is nothing to let go of."""
