"""What the nRF51 and the nRF52 share: clock, GPIO and UART, at the same addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen.device.emulators.peripherals.nrf5 import Clock, Gpio, Uart
from tinygen.device.emulators.socs.base import Soc

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_CLOCK = 0x4000_0000
_UART0, _UART0_INTERRUPT = 0x4000_2000, 2
_GPIO = 0x5000_0000


@dataclass(frozen=True)
class Nrf5:
    """A family; what else its firmware touches needs no model."""

    consoles: Collection[str] = ("uart0",)

    def assemble(
        self,
        console: str,
        transmit: Callable[[int], None],
        level_changed: Callable[[int, int, bool], None],
    ) -> Soc:
        """A chip of the family."""
        uart = Uart(transmit)
        peripherals = {_CLOCK: Clock(), _UART0: uart, _GPIO: Gpio(level_changed)}
        return Soc(peripherals, uart, _UART0_INTERRUPT)
