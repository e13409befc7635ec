"""Peripherals of the nRF51 and nRF52: tasks are written, events are read and cleared.

nRF51 Series Reference Manual, nRF52840 Product Specification.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from tinygen.device.emulators.peripherals.registers import Registers

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock(Registers):
    """The crystal oscillator runs as soon as it is started."""

    nbytes = 0x1000
    _HFCLKSTART, _HFCLKSTARTED = 0x000, 0x100

    def write(self, offset: int, value: int) -> None:
        """The task raises the event."""
        super().write(offset, value)
        if offset == self._HFCLKSTART and value:
            self.values[self._HFCLKSTARTED] = 1


class Gpio(Registers):
    """All ports; ``level_changed(port, pin, level)`` hears of every output pin that changes."""

    nbytes = 0x1000
    _OUT, _OUTSET, _OUTCLR = 0x504, 0x508, 0x50C
    _PORT_BYTES = 0x300
    _PORTS = 2

    def __init__(self, level_changed: Callable[[int, int, bool], None]) -> None:
        super().__init__()
        self._level_changed = level_changed

    def write(self, offset: int, value: int) -> None:
        """OUTSET and OUTCLR change bits of OUT, every other register is plain."""
        for port in range(self._PORTS):
            within = offset - port * self._PORT_BYTES
            level = self.read(port * self._PORT_BYTES + self._OUT)
            if within == self._OUTSET:
                self._drive(port, level | value)
                return
            if within == self._OUTCLR:
                self._drive(port, level & ~value)
                return
        super().write(offset, value)

    def _drive(self, port: int, level: int) -> None:
        out = port * self._PORT_BYTES + self._OUT
        changed = level ^ self.read(out)
        self.values[out] = level
        for pin in range(32):
            if changed >> pin & 1:
                self._level_changed(port, pin, bool(level >> pin & 1))


class Uart(Registers):
    """The UART without DMA; the line is infinitely fast and never loses a byte.

    ``send`` takes every byte the firmware transmits; what :meth:`deliver` is given arrives.
    """

    nbytes = 0x1000
    _STARTRX, _STARTTX = 0x000, 0x008
    _RXDRDY, _TXDRDY = 0x108, 0x11C
    _INTENSET = 0x304
    _INTEN_RXDRDY = 1 << 2
    _ENABLE, _ENABLED = 0x500, 4
    _RXD, _TXD = 0x518, 0x51C

    def __init__(self, send: Callable[[int], None]) -> None:
        super().__init__()
        self._send = send
        self._received: deque[int] = deque()

    def reset(self) -> None:
        """What was received and not read is lost."""
        super().reset()
        self._received.clear()

    def deliver(self, data: bytes) -> None:
        """Bytes arrive on the line; a port that does not receive does not see them."""
        if self._on(self._STARTRX) and data:
            self._received.extend(data)
            self.values[self._RXDRDY] = 1

    @property
    def interrupting(self) -> bool:
        """Whether the port's interrupt line is active."""
        enabled = self.values.get(self._INTENSET, 0) & self._INTEN_RXDRDY
        return bool(enabled and self.values.get(self._RXDRDY, 0))

    def read(self, offset: int) -> int:
        """RXD takes the oldest byte, and tells by RXDRDY that there are more."""
        if offset != self._RXD:
            return super().read(offset)
        byte = self._received.popleft() if self._received else 0
        if self._received:
            self.values[self._RXDRDY] = 1
        return byte

    def write(self, offset: int, value: int) -> None:
        """A write to TXD sends the byte, once transmission was started."""
        if offset == self._INTENSET:
            value |= self.values.get(offset, 0)
        super().write(offset, value)
        if offset == self._TXD and self._on(self._STARTTX):
            self._send(value & 0xFF)
            self.values[self._TXDRDY] = 1

    def _on(self, task: int) -> bool:
        started = bool(self.values.get(task, 0))
        return started and self.values.get(self._ENABLE, 0) == self._ENABLED
