"""The core's own registers, 0xE0000000 to 0xE00FFFFF: NVIC, SCB, SysTick, DWT.

Armv7-M Architecture Reference Manual (DDI 0403), chapters B3 and C1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.device.emulators.peripherals.registers import Registers

if TYPE_CHECKING:
    from collections.abc import Callable

BASE = 0xE000_0000
SIZE = 0x0010_0000

DWT_CTRL = 0x1000
DWT_CYCCNT = 0x1004
SYST_CSR = 0xE010
SYST_RVR = 0xE014
SYST_CVR = 0xE018
NVIC_ISER = 0xE100
NVIC_ICER = 0xE180
CPUID = 0xED00
VTOR = 0xED08
AIRCR = 0xED0C
CCSIDR = 0xED80
CFSR = 0xED28
HFSR = 0xED2C
MMFAR = 0xED34
BFAR = 0xED38

_NVIC_BYTES = 0x40
_VECTKEY = 0x05FA
_SYSRESETREQ = 1 << 2
_COUNTER_ENABLE = 1 << 0
_SYST_ENABLE = 1 << 0
_SYST_INTERRUPT = 1 << 1
_SYST_CORE_CLOCK = 1 << 2
_SYST_REFERENCE_DIVIDER = 8  # HCLK / 8 on an STM32
# 4 KB in 4 ways of 32 sets with lines of 8 words, as on an STM32F74x; nothing is cached here.
_CACHE_SIZE = 31 << 13 | 3 << 3 | 1


class SystemControl(Registers):
    """``instructions()`` is the clock: DWT and SysTick count executed instructions, not cycles.

    ``request_reset()`` is called when the program asks for a reset.
    """

    def __init__(self, instructions: Callable[[], int], request_reset: Callable[[], None]) -> None:
        super().__init__()
        self._instructions = instructions
        self._request_reset = request_reset
        self._counted = 0  # DWT_CYCCNT when it was last started, stopped or written
        self._counting_since: int | None = None  # instructions then, None while stopped
        self._systick_start = 0

    def reset(self) -> None:
        """Everything off; the fault status is cleared as on a power-up."""
        super().reset()
        self._counted, self._counting_since = 0, None

    def read(self, offset: int) -> int:
        """Counters run on, everything else is what was written."""
        if offset == DWT_CYCCNT:
            return self._cycles()
        if offset == SYST_CVR:
            period = self.values.get(SYST_RVR, 0) + 1
            return period - 1 - self._systick_ticks() % period
        if offset == CCSIDR:
            return _CACHE_SIZE
        if NVIC_ICER <= offset < NVIC_ICER + _NVIC_BYTES:
            return super().read(offset - NVIC_ICER + NVIC_ISER)
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        """Set and clear registers, write-one-to-clear fault status, the reset request."""
        if offset == DWT_CYCCNT:
            self._count_from(value)
        elif offset == DWT_CTRL:
            counted = self._cycles()
            super().write(offset, value)
            self._count_from(counted)
        elif offset in (SYST_CVR, SYST_CSR):
            self._systick_start = self._instructions()
            if offset == SYST_CSR:
                super().write(offset, value)
        elif NVIC_ISER <= offset < NVIC_ISER + _NVIC_BYTES:
            self.values[offset] = super().read(offset) | value
        elif NVIC_ICER <= offset < NVIC_ICER + _NVIC_BYTES:
            enabled = offset - NVIC_ICER + NVIC_ISER
            self.values[enabled] = super().read(enabled) & ~value
        elif offset in (CFSR, HFSR):
            self.values[offset] = super().read(offset) & ~value
        elif offset == AIRCR:
            if value >> 16 == _VECTKEY and value & _SYSRESETREQ:
                self._request_reset()
        else:
            super().write(offset, value)

    def interrupt_enabled(self, number: int) -> bool:
        """Whether the NVIC lets this interrupt through."""
        return bool(self.values.get(NVIC_ISER + number // 32 * 4, 0) >> number % 32 & 1)

    def systick_due(self) -> int | None:
        """Instruction count of the next SysTick exception, None while there is none to come."""
        control = self.values.get(SYST_CSR, 0)
        if not (control & _SYST_ENABLE and control & _SYST_INTERRUPT):
            return None
        return self._systick_start + (self.values.get(SYST_RVR, 0) + 1) * self._systick_divider()

    def systick_taken(self) -> None:
        """The SysTick exception was taken; the next one is a period away."""
        due = self.systick_due()
        if due is not None:
            self._systick_start = due

    def record_fault(self, status: int, address: int | None) -> None:
        """What the core notes of a fault that escalates to HardFault."""
        self.values[CFSR] = self.values.get(CFSR, 0) | status
        self.values[HFSR] = self.values.get(HFSR, 0) | 1 << 30  # FORCED
        if address is not None:
            self.values[BFAR] = address

    def _count_from(self, value: int) -> None:
        running = self.values.get(DWT_CTRL, 0) & _COUNTER_ENABLE
        self._counted = value
        self._counting_since = self._instructions() if running else None

    def _cycles(self) -> int:
        since = self._counting_since
        passed = 0 if since is None else self._instructions() - since
        return (self._counted + passed) & 0xFFFF_FFFF

    def _systick_divider(self) -> int:
        core = self.values.get(SYST_CSR, 0) & _SYST_CORE_CLOCK
        return 1 if core else _SYST_REFERENCE_DIVIDER

    def _systick_ticks(self) -> int:
        return (self._instructions() - self._systick_start) // self._systick_divider()
