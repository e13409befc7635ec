"""Reset and clock control: every oscillator and the PLL are ready as soon as they are enabled.

RM0385 (STM32F7), RM0390 (STM32F4) chapter "Reset and clock control", RM0432 (STM32L4+).
"""

from __future__ import annotations

from tinygen.device.emulators.peripherals.registers import Registers

CR = 0x00
CFGR = 0x08
# Enable bit -> ready bit of RCC_CR.
F4_F7_READY = {0: 1, 16: 17, 24: 25}  # HSI, HSE, PLL
L4_READY = {0: 1, 8: 10, 16: 17, 24: 25}  # MSI, HSI16, HSE, PLL


class Rcc(Registers):
    """``ready`` maps enable bits of CR to ready bits, ``initial`` is CR after reset."""

    def __init__(self, ready: dict[int, int], initial: int) -> None:
        super().__init__()
        self._ready = ready
        self._initial = initial
        self.reset()

    def reset(self) -> None:
        """The internal oscillator runs after power-up."""
        self.values = {CR: self._initial}

    def read(self, offset: int) -> int:
        """CR shows what is ready, CFGR the clock that was switched to."""
        value = super().read(offset)
        if offset == CR:
            for enable, ready in self._ready.items():
                value = value & ~(1 << ready) | (value >> enable & 1) << ready
        elif offset == CFGR:
            value = value & ~0xC | (value & 0x3) << 2  # SW -> SWS
        return value
