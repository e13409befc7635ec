"""Blocks whose status bits follow their control bits at once: clocks, regulators, caches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen.device.emulators.peripherals.registers import Registers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Follows:
    """``bits`` of the register at ``control`` show ``shift`` bits higher in the one at ``status``.

    Offsets are in bytes; a negative shift is to lower bits.
    """

    status: int
    control: int
    bits: int
    shift: int


class StatusRegisters(Registers):
    """What is enabled is ready, what is selected is in use.

    ``initial`` are values after a reset, ``ready`` bits that always read as set, by offset.
    """

    def __init__(
        self,
        follows: Sequence[Follows] = (),
        initial: Mapping[int, int] | None = None,
        ready: Mapping[int, int] | None = None,
    ) -> None:
        super().__init__()
        self._follows = follows
        self._initial = dict(initial or {})
        self._ready = dict(ready or {})
        self.reset()

    def reset(self) -> None:
        """Back to the state after power-up."""
        self.values = dict(self._initial)

    def read(self, offset: int) -> int:
        """The register, with its status bits as their control bits have them."""
        value = super().read(offset) | self._ready.get(offset, 0)
        for rule in self._follows:
            if rule.status == offset:
                wanted = super().read(rule.control) & rule.bits
                value = value & ~_shifted(rule.bits, rule.shift) | _shifted(wanted, rule.shift)
        return value


def _shifted(value: int, by: int) -> int:
    return value << by if by >= 0 else value >> -by
