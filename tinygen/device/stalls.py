"""Cycles that a core waits for its memories, simulated from the trace of what it does.

What is modelled, and why so, stands in stalls_reference.py; docs/cycle-model.md has the sources.
"""

from __future__ import annotations

import ctypes
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinygen.device import native
from tinygen.device.stalls_reference import ReferenceStalls
from tinygen.device.trace import ADDRESS_MASK, BLOCK, SIZE_MASK, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from tinygen.device.memory_model import CacheModel, MemoryModel
    from tinygen.device.pipelines.base import BlockCost

    Events = npt.NDArray[np.uint64]
    Costs = npt.NDArray[np.uint32]

_KIND_SHIFT, _SIZE_SHIFT = np.uint64(62), np.uint64(32)
_ADDRESS, _SIZE = np.uint64(ADDRESS_MASK), np.uint64(SIZE_MASK)
_SOURCE = Path(__file__).parent / "emulators" / "native" / "stalls.c"


class Stalls:
    """The stalls of one trace, which is handed over in pieces.

    ``price`` gives the cost of the block at an address, of so many bytes. The caches are empty at
    the start.
    """

    def __init__(self, model: MemoryModel, price: Callable[[int, int], BlockCost]) -> None:
        self._price = price
        self._rest: Events = np.empty(0, np.uint64)
        library = native_library()
        self._simulator = NativeStalls(model, library) if library else ReferenceStalls(model)

    def add(self, events: Events) -> None:
        """The next piece of the trace; a block at its end may have accesses in the piece after."""
        events = np.concatenate([self._rest, events])
        starts = np.flatnonzero(events >> _KIND_SHIFT == BLOCK)
        # What comes before the first block belongs to one that began before the trace did.
        self._rest = events[starts[-1] :] if len(starts) else events[:0]
        if len(starts) > 1:
            self._run(events[starts[0] : starts[-1]], events[starts])

    def total(self) -> int:
        """Cycles stalled in all that was added."""
        rest, self._rest = self._rest, np.empty(0, np.uint64)
        if len(rest):
            self._run(rest, rest[[0, 0]])
        return self._simulator.total

    def _run(self, events: Events, blocks: Events) -> None:
        """Run some blocks with their accesses; ``blocks`` are their events and the one behind."""
        kinds, which = np.unique(blocks[:-1], return_inverse=True)
        costs = [self._price(*unpack(int(event))[1:]) for event in kinds]
        straight = np.array([cost.straight for cost in costs], np.uint32)[which]
        taken = np.array([cost.taken for cost in costs], np.uint32)[which]
        ends = (blocks & _ADDRESS) + (blocks >> _SIZE_SHIFT & _SIZE)
        jumped = (blocks[1:] & _ADDRESS) != ends[:-1]
        is_block = events >> _KIND_SHIFT == BLOCK
        spread, advance = np.zeros((2, len(events)), np.uint32)
        spread[is_block] = straight
        advance[is_block] = straight + taken * jumped
        self._simulator.run(events, spread, advance)


class _CRegion(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint32) for name in ("origin", "end", "unit_bytes", "first", "following")
    )


class _CCache(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint32) for name in ("sets", "ways", "line_bytes", "whole_lines")
    )


class NativeStalls:
    """The simulator in C."""

    def __init__(self, model: MemoryModel, library: ctypes.CDLL) -> None:
        self._library = library
        regions = (_CRegion * len(model.regions))(
            *(
                _CRegion(
                    region.origin, region.end, region.unit_bytes, region.first, region.following
                )
                for region in model.regions
            )
        )
        caches = (_CCache * 2)(_c_cache(model.instruction), _c_cache(model.data))
        self._model = ctypes.c_void_p(
            library.stalls_new(
                regions, len(model.regions), caches, int(model.unified), int(model.prefetch)
            )
        )
        if not self._model:
            raise MemoryError("no memory for the simulation of caches")
        weakref.finalize(self, library.stalls_free, self._model)

    @property
    def total(self) -> int:
        """Cycles stalled so far."""
        return int(self._library.stalls_total(self._model))

    def run(self, events: Events, straight: Costs, advance: Costs) -> None:
        """Simulate whole blocks: see :meth:`ReferenceStalls.run`."""
        events = np.ascontiguousarray(events)
        self._library.stalls_run(
            self._model, events.ctypes.data, straight.ctypes.data, advance.ctypes.data, len(events)
        )


def _c_cache(model: CacheModel | None) -> _CCache:
    if model is None:
        return _CCache()
    return _CCache(model.sets, model.ways, model.line_bytes, int(model.whole_lines))


def native_library() -> ctypes.CDLL | None:
    """The simulator in C; None without a host compiler."""
    library = native.library(_SOURCE)
    if library is None:
        return None
    pointer, word = ctypes.c_void_p, ctypes.c_uint32
    library.stalls_new.restype = pointer
    library.stalls_new.argtypes = [pointer, word, pointer, word, word]
    library.stalls_free.argtypes = [pointer]
    library.stalls_run.argtypes = [pointer, pointer, pointer, pointer, word]
    library.stalls_total.restype = ctypes.c_uint64
    library.stalls_total.argtypes = [pointer]
    return library
