"""Power control of the STM32F4 and F7: voltage scaling and over-drive settle at once.

The STM32L4 needs no model: its VOSF bit means ready when it reads 0 (RM0432).
"""

from __future__ import annotations

from tinygen.device.emulators.peripherals.registers import Registers

_CONTROL = 0x00
_STATUS = 0x04


class F4F7Pwr(Registers):
    """PWR_CR (CR1) and PWR_CSR (CSR1) of RM0385 and RM0390, chapter "Power controller"."""

    def read(self, offset: int) -> int:
        """The status shows over-drive as it was asked for, and voltage scaling ready."""
        if offset != _STATUS:
            return super().read(offset)
        overdrive = super().read(_CONTROL) & (1 << 16 | 1 << 17)  # ODEN, ODSWEN
        return super().read(_STATUS) | overdrive | 1 << 14  # ODRDY, ODSWRDY; VOSRDY
