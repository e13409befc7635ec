"""What all STM32 families share: GPIO ports in a row, and USARTs of one of two generations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tinygen.device.emulators.peripherals.gpio import GpioPort
from tinygen.device.emulators.peripherals.usart import Usart
from tinygen.device.emulators.socs.base import Soc

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from tinygen.device.emulators.peripherals.registers import Registers
    from tinygen.device.emulators.peripherals.usart import UsartLayout

_GPIO_BYTES = 0x400


@dataclass(frozen=True)
class Stm32:
    """An STM32 family.

    ``gpio`` is the base of port A; ``usarts`` gives base and interrupt number by name; ``control``
    makes the blocks that the clock set-up touches, by base.
    """

    gpio: int
    gpio_ports: int
    usart_layout: UsartLayout
    usarts: Mapping[str, tuple[int, int]]
    control: Callable[[], dict[int, Registers]]

    @property
    def consoles(self) -> Collection[str]:
        """The names of the serial ports that are modelled."""
        return self.usarts.keys()

    def assemble(
        self,
        console: str,
        transmit: Callable[[int], None],
        level_changed: Callable[[int, int, bool], None],
    ) -> Soc:
        """A chip of the family."""
        base, interrupt = self.usarts[console]
        usart = Usart(self.usart_layout, transmit)
        ports = {
            self.gpio + port * _GPIO_BYTES: GpioPort(partial(level_changed, port))
            for port in range(self.gpio_ports)
        }
        return Soc({**self.control(), **ports, base: usart}, usart, interrupt)
