"""A GPIO port, of which only the output level of one pin matters: the trigger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.device.emulators.peripherals.registers import Registers

if TYPE_CHECKING:
    from collections.abc import Callable

_ODR = 0x14
_BSRR = 0x18


class GpioPort(Registers):
    """``level_changed(pin, level)`` hears of every output pin that changes."""

    def __init__(self, level_changed: Callable[[int, bool], None]) -> None:
        super().__init__()
        self._level_changed = level_changed

    def write(self, offset: int, value: int) -> None:
        """BSRR sets and resets bits of ODR (a set wins), every other register is plain."""
        if offset == _BSRR:
            self._drive(self.read(_ODR) & ~(value >> 16) | value & 0xFFFF)
        elif offset == _ODR:
            self._drive(value & 0xFFFF)
        else:
            super().write(offset, value)

    def _drive(self, level: int) -> None:
        changed = level ^ self.read(_ODR)
        self.values[_ODR] = level
        for pin in range(16):
            if changed >> pin & 1:
                self._level_changed(pin, bool(level >> pin & 1))
