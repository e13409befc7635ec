"""USART and LPUART in both generations; the line is infinitely fast and never loses a byte."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen.device.emulators.peripherals.registers import Registers

if TYPE_CHECKING:
    from collections.abc import Callable

_RXNE = 1 << 5
_TC = 1 << 6
_TXE = 1 << 7
_RXNEIE, _TXEIE = 1 << 5, 1 << 7  # in CR1, in both generations


@dataclass(frozen=True)
class UsartLayout:
    """Offsets of the registers that differ between the generations."""

    control: int
    status: int
    receive: int
    transmit: int
    enable: int  # bit mask of UE in CR1


V1 = UsartLayout(control=0x0C, status=0x00, receive=0x04, transmit=0x04, enable=1 << 13)
V2 = UsartLayout(control=0x00, status=0x1C, receive=0x24, transmit=0x28, enable=1 << 0)


class Usart(Registers):
    """V1 is RM0390 (STM32F4), V2 is RM0385 and RM0432 (STM32F7, STM32L4+; LPUART the same).

    ``send`` takes every byte the firmware transmits; what :meth:`deliver` is given arrives.
    """

    def __init__(self, layout: UsartLayout, send: Callable[[int], None]) -> None:
        super().__init__()
        self._layout = layout
        self._send = send
        self._received: deque[int] = deque()

    def reset(self) -> None:
        """What was received and not read is lost."""
        super().reset()
        self._received.clear()

    def deliver(self, data: bytes) -> None:
        """Bytes arrive on the line; a port that is not enabled does not see them."""
        if self.read(self._layout.control) & self._layout.enable:
            self._received.extend(data)

    @property
    def interrupting(self) -> bool:
        """Whether the port's interrupt line is active."""
        enabled = self.values.get(self._layout.control, 0)
        return bool(enabled & _TXEIE or (self._received and enabled & _RXNEIE))

    def read(self, offset: int) -> int:
        """Status: always ready to transmit. Receive: takes the oldest byte."""
        if offset == self._layout.status:
            return _TXE | _TC | (_RXNE if self._received else 0)
        if offset == self._layout.receive:
            return self._received.popleft() if self._received else 0
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        """A write to the transmit register sends the byte."""
        if offset == self._layout.transmit:
            self._send(value & 0xFF)
        else:
            super().write(offset, value)
