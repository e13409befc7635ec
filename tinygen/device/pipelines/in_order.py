"""Cores that issue one instruction at a time: Cortex-M0, M0+, M3 and M4.

Sources: Cortex-M0 TRM (DDI 0432), Cortex-M0+ TRM (DDI 0484), Cortex-M3 TRM (DDI 0337), Cortex-M4
TRM (DDI 0439; Arm 100166), chapter 3.3 of each, "Instruction set summary" and "Load/store timings".
All assume memory without wait states.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tinygen.device.pipelines.base import BlockCost
from tinygen.device.pipelines.decode import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.device.pipelines.decode import Instruction

_MEMORY = {Kind.LOAD, Kind.STORE}
_MULTIPLE = {Kind.LOAD_MULTIPLE, Kind.STORE_MULTIPLE}
_DOUBLE = {Kind.LOAD_DOUBLE, Kind.STORE_DOUBLE}
_COMPUTES = {Kind.ALU, Kind.SHIFTED, Kind.SIMD, Kind.MULTIPLY, Kind.MULTIPLY_ADD}


@dataclass(frozen=True)
class InOrder:
    """A table of cycles, and which of the refinements of the larger cores apply.

    ``cycles`` holds what is not 1. ``refill`` is what a taken jump adds, ``call``, ``indirect``
    and ``pop`` what it adds instead for a call, a branch to a register and a load of the PC.
    ``pipelined``: a load or store right behind a load is a cycle cheaper, a store to a constant
    offset takes one cycle, IT folds into a 16-bit instruction before it, and an address that was
    computed by the instruction before costs a cycle.
    """

    refill: int
    call: int
    indirect: int
    pop: int
    pipelined: bool
    cycles: dict[Kind, int] = field(default_factory=dict)

    def cost(self, block: Sequence[Instruction]) -> BlockCost:
        """Cycles of a block that holds at most one jump, its last instruction."""
        straight = 0
        before: Instruction | None = None
        for instruction in block:
            straight += self._cycles(instruction, before)
            before = instruction
        return BlockCost(straight, self._taken(block[-1]) if block else 0)

    def _cycles(self, this: Instruction, before: Instruction | None) -> int:
        if this.kind in _MULTIPLE:
            return 1 + this.transfers
        if this.kind in _DOUBLE:
            return 3
        cycles = self.cycles.get(this.kind, 1)
        if not self.pipelined:
            return cycles
        if this.kind is Kind.STORE and not this.indexed:
            cycles = 1
        if before is None:
            return cycles
        if this.kind is Kind.IT and before.bytes == 2:
            return 0
        if this.kind in _MEMORY:
            depends = bool(before.writes & this.address)
            if before.kind is Kind.LOAD and not depends:
                cycles = max(cycles - 1, 1)
            elif before.kind in _COMPUTES and depends:
                cycles += 1
        return cycles

    def _taken(self, last: Instruction) -> int:
        if not last.jumps:
            return 0
        extra = {
            Kind.CALL: self.call,
            Kind.INDIRECT: self.indirect,
            Kind.LOAD_MULTIPLE: self.pop,
            Kind.LOAD: self.pop,
        }
        return extra.get(last.kind, self.refill)


CORTEX_M0 = InOrder(
    refill=2,
    call=3,
    indirect=2,
    pop=3,
    pipelined=False,
    cycles={Kind.LOAD: 2, Kind.STORE: 2, Kind.BARRIER: 4},
)
CORTEX_M0PLUS = InOrder(
    refill=1,
    call=2,
    indirect=1,
    pop=2,
    pipelined=False,
    cycles={Kind.LOAD: 2, Kind.STORE: 2, Kind.BARRIER: 3},
)

# A refill takes 1 to 3 cycles, "depending on the alignment and width of the target instruction,
# and whether the processor manages to speculate the address early"; division 2 to 12.
_REFILL = 2
_DIVIDE = 6
CORTEX_M3 = InOrder(
    refill=_REFILL,
    call=_REFILL,
    indirect=_REFILL,
    pop=_REFILL,
    pipelined=True,
    cycles={
        Kind.LOAD: 2,
        Kind.STORE: 2,
        Kind.MULTIPLY_ADD: 2,
        Kind.MULTIPLY_LONG: 4,  # 3 to 5, with an accumulator 4 to 7
        Kind.DIVIDE: _DIVIDE,
        Kind.TABLE_BRANCH: 2,
    },
)
CORTEX_M4 = InOrder(
    refill=_REFILL,
    call=_REFILL,
    indirect=_REFILL,
    pop=_REFILL,
    pipelined=True,
    cycles={
        Kind.LOAD: 2,
        Kind.STORE: 2,
        Kind.DIVIDE: _DIVIDE,
        Kind.TABLE_BRANCH: 2,
        Kind.FLOAT_MULTIPLY_ADD: 3,
        Kind.FLOAT_DIVIDE: 14,
    },
)
