"""What a core waits for its memories: the rules, in plain Python.

Time is in core cycles. The pipeline's own time passes as the cost table of the core says; every
stall pushes what follows back. Within a block nothing tells when which instruction issues, so its
code is fetched evenly over the cycles it costs, and so are its data accesses.

- A memory does one read at a time. It stalls the core for ``first`` cycles and takes the next read
  a cycle later. What is under way is finished, even when nobody wants it any more.
- A cache that brings in whole lines reads the wanted unit first and lets the core go on; the other
  units arrive behind each other, and who needs one earlier waits for it.
- A prefetch buffer holds one unit: the one behind the last that the core fetched from the memory.
- Stores do not stall: there are store buffers. In a cache they bring in the line and make it dirty;
  a dirty line that is replaced keeps the memory busy for as long as it takes to write it.

This runs where the host has no C compiler; elsewhere native/stalls.c does the same a hundred times
faster.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tinygen.device.trace import BLOCK, WRITE, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from tinygen.device.memory_model import CacheModel, MemoryModel, Region


@dataclass
class _Line:
    number: int
    used: int
    dirty: bool = False
    ready: dict[int, int] = field(default_factory=dict)  # unit of the line -> when it is there


class _Cache:
    def __init__(self, shape: CacheModel) -> None:
        self.shape = shape
        self.uses = 0
        self._sets: list[list[_Line]] = [[] for _ in range(shape.sets)]

    def find(self, address: int) -> _Line | None:
        number = address // self.shape.line_bytes
        lines = self._sets[number % self.shape.sets]
        return next((line for line in lines if line.number == number), None)

    def allocate(self, address: int) -> tuple[_Line, _Line | None]:
        """A new line for an address, and the one that had to go for it."""
        number = address // self.shape.line_bytes
        lines = self._sets[number % self.shape.sets]
        gone = None
        if len(lines) == self.shape.ways:
            gone = min(lines, key=lambda line: line.used)
            lines.remove(gone)
        fresh = _Line(number, 0)
        lines.append(fresh)
        return fresh, gone

    def use(self, line: _Line, *, write: bool) -> None:
        self.uses += 1
        line.used = self.uses
        line.dirty |= write


class ReferenceStalls:
    """Simulates a trace, piece by piece."""

    def __init__(self, model: MemoryModel) -> None:
        self._model = model
        self._instructions = _Cache(model.instruction) if model.instruction else None
        data = _Cache(model.data) if model.data else None
        self._data = self._instructions if model.unified else data
        self._idle = dict.fromkeys(model.regions, 0)
        self._prefetched: tuple[int, int] | None = None  # address of the unit, when it is there
        self._time = 0
        self.total = 0

    def run(
        self,
        events: npt.NDArray[np.uint64],
        straight: npt.NDArray[np.uint32],
        advance: npt.NDArray[np.uint32],
    ) -> None:
        """Simulate whole blocks.

        The block at an event spreads over ``straight`` cycles; ``advance`` pass by it, which is
        more where it ends in a jump that is taken.
        """
        trace = [unpack(int(event)) for event in events]
        starts = [i for i, (kind, _, _) in enumerate(trace) if kind == BLOCK]
        for start, end in zip(starts, [*starts[1:], len(trace)], strict=True):
            _, address, nbytes = trace[start]
            self._block(address, nbytes, trace[start + 1 : end], int(straight[start]))
            self._time += int(advance[start])

    def _block(
        self, address: int, nbytes: int, accesses: Sequence[tuple[int, int, int]], cost: int
    ) -> None:
        region = self._region(address)
        steps: list[tuple[int, int, int]] = []  # time in the block, kind, address
        at = address
        while region is not None and at < address + nbytes:
            steps.append((cost * (at - address) // nbytes, BLOCK, at))
            at += region.unit_bytes - at % region.unit_bytes
        for i, (kind, where, _) in enumerate(accesses):
            steps.append((cost * (2 * i + 1) // (2 * len(accesses)), kind, where))
        # A fetch comes before a data access at the same time; BLOCK is the smallest kind.
        for time, kind, where in sorted(steps, key=lambda step: (step[0], step[1] != BLOCK)):
            now = self._time + time + self.total
            self.total += self._access(where, now, fetch=kind == BLOCK, write=kind == WRITE)

    def _region(self, address: int) -> Region | None:
        found = (r for r in self._model.regions if r.origin <= address < r.end)
        return next(found, None)

    def _access(self, address: int, now: int, *, fetch: bool, write: bool) -> int:
        """Cycles that one access stalls the core."""
        region = self._region(address)
        if region is None:
            return 0
        cache = self._instructions if fetch else self._data
        start = address - address % region.unit_bytes
        line = cache.find(address) if cache else None
        unit = start % cache.shape.line_bytes // region.unit_bytes if cache else 0
        if cache and line and unit in line.ready:
            cache.use(line, write=write)
            return 0 if write else max(line.ready[unit] - now, 0)
        buffered = fetch and self._prefetched is not None and self._prefetched[0] == start
        if buffered:
            assert self._prefetched
            done = max(self._prefetched[1], now)
        else:
            done = self._read(region, now)
        if cache:
            if line is None:
                line, gone = cache.allocate(address)
                if gone is not None and gone.dirty:
                    self._write_back(gone, cache, now)
            cache.use(line, write=write)
            line.ready[unit] = done
            if cache.shape.whole_lines and not buffered:
                units = cache.shape.line_bytes // region.unit_bytes
                for k in range(1, units):
                    line.ready[(unit + k) % units] = done + k * region.following
                self._idle[region] = done + 1 + (units - 1) * region.following
        if fetch and self._model.prefetch:
            self._prefetch(region, start + region.unit_bytes, done)
        return 0 if write else done - now

    def _read(self, region: Region, now: int) -> int:
        done = max(now, self._idle[region]) + region.first
        self._idle[region] = done + 1
        return done

    def _write_back(self, line: _Line, cache: _Cache, now: int) -> None:
        region = self._region(line.number * cache.shape.line_bytes)
        assert region is not None
        units = cache.shape.line_bytes // region.unit_bytes
        busy = region.first + 1 + (units - 1) * region.following
        self._idle[region] = max(now, self._idle[region]) + busy

    def _prefetch(self, region: Region, address: int, now: int) -> None:
        self._prefetched = None
        if address >= region.end:
            return
        cache = self._instructions
        line = cache.find(address) if cache else None
        if cache and line and address % cache.shape.line_bytes // region.unit_bytes in line.ready:
            return
        self._prefetched = address, self._read(region, now)
