"""Modelled cycles of what an engine runs: the pipeline's, and those it waits for its memories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.device.stalls import Stalls

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygen.device.cycles import CycleModel
    from tinygen.device.emulators.block_counter import BlockCounter
    from tinygen.device.memory_model import MemoryModel


class TimedRun:
    """Cycles of the blocks in a counter's tally, from when this is made.

    ``read`` gives code. Without a ``memory`` all of it answers at once. Following every access
    makes an engine slow, so it can end (:meth:`settle`) before the run does; the stalls of the rest
    are then taken to be as frequent as they were. The engine must not be running when this is
    made, or any method called.
    """

    def __init__(
        self,
        counter: BlockCounter,
        cycles: CycleModel,
        memory: MemoryModel | None,
        read: Callable[[int, int], bytes],
    ) -> None:
        self._counter = counter
        self._cycles = cycles
        self._read = read
        self._stalled = 0
        self._followed = 0  # instructions
        self._stalls: Stalls | None = None
        if memory is not None:
            self._stalls = Stalls(memory, lambda at, nbytes: cycles.price(at, nbytes, read))
            ranges = [(region.origin, region.end) for region in memory.regions]
            counter.start_trace(ranges, self._stalls.add)

    def settle(self) -> None:
        """Follow accesses no more."""
        if self._stalls is not None:
            self._counter.end_trace()
            self._stalled = self._stalls.total()
            self._followed = self._instructions()
            self._stalls = None

    def cycles(self) -> int:
        """Cycles of all that is in the tally."""
        self.settle()
        pipeline = self._cycles.cycles(self._counter.blocks(), self._read)
        if not self._followed:
            return pipeline
        return pipeline + self._stalled * self._instructions() // self._followed

    def _instructions(self) -> int:
        return sum(block.instructions * block.entered for block in self._counter.blocks())
