"""How long the memories of a board take to answer: wait states, prefetch buffers and caches.

The part of a board file that the cycle model reads (docs/cycle-model.md). Nothing else depends on
it: the firmware only knows the wait states that it has to set.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

_Count = Annotated[int, Field(ge=1, le=1 << 20)]
_Delay = Annotated[int, Field(ge=0, le=64)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _power_of_two(value: int) -> bool:
    return value & (value - 1) == 0


class Access(_Frozen):
    """How a memory that the core does not read at its own speed answers.

    One read of the memory gives ``unit_bytes``. The core is stalled for ``wait_states`` of the
    memory (None: those of the clock, ``flash_wait_states``), each of ``divider`` core cycles, and
    ``bridge_cycles`` on the way there. Further units of a line follow one per ``divider`` cycles
    where ``burst`` says so, else each takes its wait states.
    """

    unit_bytes: Literal[4, 8, 16, 32]
    wait_states: Annotated[int, Field(ge=0, le=15)] | None = None
    divider: Annotated[int, Field(ge=1, le=8)] = 1
    bridge_cycles: _Delay = 0
    burst: bool = False


class Cache(_Frozen):
    """Lines, replaced when they were not used for longest; fully associative without ``ways``.

    ``fills`` is what a miss brings in: the ``line``, behind the back of the core once it has what
    it wanted, or the ``unit`` of memory alone.
    """

    lines: _Count
    line_bytes: Literal[8, 16, 32]
    ways: _Count | None = None
    fills: Literal["line", "unit"]

    @model_validator(mode="after")
    def _consistent(self) -> Cache:
        ways = self.ways or self.lines
        if self.lines % ways or not _power_of_two(self.lines // ways):
            raise ValueError(f"{self.lines} lines cannot be {ways} ways of a power of two of sets")
        return self


class MemorySystem(_Frozen):
    """What lies between the core and its slow memories.

    ``instruction`` and ``data`` are the caches of the two sides, None for a side without;
    ``unified`` makes the data side use the cache of the instructions. ``prefetch`` reads the unit
    behind the one that is fetched while the core executes that. ``sources`` names where it is
    published, ``unconfirmed`` what is assumed.
    """

    instruction: Cache | None
    data: Cache | None
    unified: bool = False
    prefetch: bool
    sources: str
    unconfirmed: str

    @model_validator(mode="after")
    def _consistent(self) -> MemorySystem:
        if self.unified and (self.data is not None or self.instruction is None):
            raise ValueError("a unified cache is described under instruction, and data is null")
        return self
