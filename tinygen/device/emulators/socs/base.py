"""What the model of a SoC offers to the emulated board."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from tinygen.device.emulators.peripherals.registers import Registers


class Console(Protocol):
    """The serial port that carries the protocol, seen from the line."""

    @property
    def interrupting(self) -> bool:
        """Whether the port's interrupt line is active."""
        ...

    def deliver(self, data: bytes) -> None:
        """Bytes arrive on the line."""
        ...


@dataclass(frozen=True)
class Soc:
    """Peripherals by base address, the console among them, and the console's interrupt number."""

    peripherals: Mapping[int, Registers]
    console: Console
    interrupt: int


class SocModel(Protocol):
    """A family of chips."""

    @property
    def consoles(self) -> Collection[str]:
        """The names of the serial ports that are modelled."""
        ...

    def assemble(
        self,
        console: str,
        transmit: Callable[[int], None],
        level_changed: Callable[[int, int, bool], None],
    ) -> Soc:
        """A chip.

        ``transmit`` gets every byte that leaves the console; ``level_changed(port, pin, level)``
        hears of every output pin that changes.
        """
        ...
