"""Cores for which Arm publishes no cycle counts: Cortex-M7 and M33, as in-order issue models.

M7: Cortex-M7 TRM (DDI 0489) for the units there are (two load channels of 32 bits, one store
channel, one multiplier, branch prediction), and public measurements of instruction pairs
(https://www.quinapalus.com/cm7cycles.html) for what issues together and how late results are.
M33: one instruction at a time, loads that overlap with what does not need them; CoreMark per MHz
relative to the M4 is all it can be checked against. Both are approximations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tinygen.device.pipelines.base import BlockCost
from tinygen.device.pipelines.decode import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.device.pipelines.decode import Instruction

_LOADS = {Kind.LOAD, Kind.LOAD_DOUBLE, Kind.LOAD_MULTIPLE}
_STORES = {Kind.STORE, Kind.STORE_DOUBLE, Kind.STORE_MULTIPLE}
_MULTIPLIES = {Kind.MULTIPLY, Kind.MULTIPLY_ADD, Kind.MULTIPLY_LONG}
_JUMPS = {Kind.BRANCH, Kind.CALL, Kind.INDIRECT, Kind.TABLE_BRANCH}
_FLOATS = {Kind.FLOAT, Kind.FLOAT_MULTIPLY_ADD, Kind.FLOAT_DIVIDE}
# These issue alone.
_ALONE = {Kind.DIVIDE, Kind.BARRIER, Kind.LOAD_MULTIPLE, Kind.STORE_MULTIPLE, Kind.TABLE_BRANCH}
# Pairs of these would need one unit twice.
_UNITS = (
    _MULTIPLIES,
    {Kind.SHIFTED},
    _STORES,
    _JUMPS,
    _FLOATS,
    {Kind.LOAD_DOUBLE, *_STORES},
)


@dataclass(frozen=True)
class IssueModel:
    """Issues ``width`` instructions a cycle, in order, as soon as what they read is there.

    ``latency`` says after how many cycles a result can be used (1 where nothing is said);
    ``address_delay`` and ``shifter_delay`` how much earlier an address or an operand of the
    shifter must be there. ``words`` a cycle go through a multiple load or store. ``jump`` is what
    a taken jump adds, ``indirect`` what a jump to a register adds, ``mispredicted`` what a wrong
    guess costs.
    """

    width: int
    latency: dict[Kind, int]
    busy: dict[Kind, int]
    address_delay: int
    shifter_delay: int
    words: int
    jump: int
    indirect: int
    mispredicted: int

    def cost(self, block: Sequence[Instruction]) -> BlockCost:
        """Cycles of a block that holds at most one jump, its last instruction."""
        if not block:
            return BlockCost(0)
        issue = _Issue(self)
        for instruction in block:
            issue.place(instruction)
        last = block[-1]
        return BlockCost(
            straight=issue.cycles,
            taken=self._taken(last),
            mispredicted=self.mispredicted if last.conditional else 0,
        )

    def _taken(self, last: Instruction) -> int:
        if not last.jumps:
            return 0
        return self.jump if last.kind in (Kind.BRANCH, Kind.CALL) else self.indirect


@dataclass
class _Issue:
    model: IssueModel
    now: int = 0  # cycle in which the next instruction may issue at the earliest
    slot: list[Instruction] = field(default_factory=list)  # those that issue in it already
    ready: dict[str, int] = field(default_factory=dict)  # register -> cycle of its result
    cycles: int = 0  # after which everything so far has issued

    def place(self, this: Instruction) -> None:
        needed = max((self._needed(this, name) for name in this.reads), default=0)
        if self.slot and (needed > self.now or not self._fits(this)):
            self.now, self.slot = self.cycles, []
        start = max(self.now, needed)
        busy = self._busy(this)
        self.slot.append(this)
        self.now = start
        self.cycles = max(self.cycles, start + busy)
        if busy > 1 or len(self.slot) == self.model.width or this.kind in _ALONE:
            self.now, self.slot = self.cycles, []
        result = start + max(busy, 1) - 1 + self.model.latency.get(this.kind, 1)
        for name in this.writes:
            # A base register that is updated comes from the address unit, not from memory.
            updated = name in this.address and this.kind in _LOADS | _STORES
            self.ready[name] = start + 1 if updated else result

    def _needed(self, this: Instruction, name: str) -> int:
        at = self.ready.get(name, 0)
        if name in this.accumulator:
            return at - 1  # added a stage after the product was formed
        if name in this.address:
            return at + self.model.address_delay if at else 0
        if this.kind is Kind.SHIFTED and at:
            return at + self.model.shifter_delay
        if this.kind in _STORES:
            return at - 1  # the value is stored a stage later
        return at

    def _fits(self, this: Instruction) -> bool:
        """Whether it can issue together with what is in the slot."""
        if not self.slot:
            return True
        if this.kind in _ALONE or this.kind is Kind.SIMD:
            return False
        written = frozenset().union(*(other.writes for other in self.slot))
        if this.writes & written:
            return False
        return not any(
            this.kind in unit and any(other.kind in unit for other in self.slot) for unit in _UNITS
        )

    def _busy(self, this: Instruction) -> int:
        if this.kind in (Kind.LOAD_MULTIPLE, Kind.STORE_MULTIPLE):
            return 1 + -(-this.transfers // self.model.words)
        if this.kind in (Kind.LOAD_DOUBLE, Kind.STORE_DOUBLE):
            return -(-2 // self.model.words)
        return self.model.busy.get(this.kind, 1)


CORTEX_M7 = IssueModel(
    width=2,
    latency={
        Kind.LOAD: 2,
        Kind.LOAD_DOUBLE: 2,
        Kind.LOAD_MULTIPLE: 2,
        Kind.MULTIPLY: 2,
        Kind.MULTIPLY_ADD: 2,
        Kind.MULTIPLY_LONG: 2,
        Kind.FLOAT: 3,
        Kind.FLOAT_MULTIPLY_ADD: 5,
    },
    busy={Kind.DIVIDE: 6, Kind.FLOAT_DIVIDE: 14, Kind.TABLE_BRANCH: 2},
    address_delay=1,
    shifter_delay=1,
    words=2,
    jump=0,
    indirect=2,
    mispredicted=8,
)
CORTEX_M33 = IssueModel(
    width=1,
    latency={
        Kind.LOAD: 2,
        Kind.LOAD_DOUBLE: 2,
        Kind.LOAD_MULTIPLE: 2,
        Kind.MULTIPLY_ADD: 2,
        Kind.MULTIPLY_LONG: 2,
        Kind.FLOAT_MULTIPLY_ADD: 3,
    },
    busy={Kind.DIVIDE: 6, Kind.FLOAT_DIVIDE: 14, Kind.TABLE_BRANCH: 2, Kind.IT: 0},
    address_delay=0,
    shifter_delay=0,
    words=1,
    jump=2,
    indirect=2,
    mispredicted=0,
)
