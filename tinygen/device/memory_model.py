"""A board's memories as the cycle model simulates them: delays in core cycles, by address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tinygen.boards import Board, Memory
    from tinygen.memory_system import Cache


@dataclass(frozen=True)
class Region:
    """Addresses ``origin`` to ``end`` that answer late.

    A read gives ``unit_bytes`` and stalls for ``first`` cycles; the next unit of the same line
    follows after ``following``. The memory takes another read one cycle after it has answered.
    """

    origin: int
    end: int
    unit_bytes: int
    first: int
    following: int


@dataclass(frozen=True)
class CacheModel:
    """A cache of ``sets`` times ``ways`` lines, least recently used replaced first.

    With ``whole_lines`` a miss brings in the rest of its line as well.
    """

    sets: int
    ways: int
    line_bytes: int
    whole_lines: bool


@dataclass(frozen=True)
class MemoryModel:
    """The slow regions, and what stands before them on the two sides of the core.

    Memory in no region answers at once. The data side has the cache of the instruction side where
    ``unified``.
    """

    regions: tuple[Region, ...]
    instruction: CacheModel | None
    data: CacheModel | None
    unified: bool
    prefetch: bool


def memory_model(
    board: Board, places: Mapping[str, Sequence[tuple[int, int]]] | None = None
) -> MemoryModel | None:
    """The memories of a board; None where all of them answer at once.

    ``places`` says which addresses, as origin and bytes, stand for a region of the board, for an
    image that is not linked to the board's own; regions that are not named are left out.
    """
    system = board.memory_system
    if system is None:
        return None
    if places is None:
        places = {region.name: [(region.origin, region.bytes)] for region in board.memory}
    regions = [
        _region(board, region, origin, nbytes)
        for region in board.memory
        for origin, nbytes in places.get(region.name, ())
        if region.access is not None
    ]
    return MemoryModel(
        regions=tuple(regions),
        instruction=_cache(system.instruction),
        data=_cache(system.data),
        unified=system.unified,
        prefetch=system.prefetch,
    )


def delay(board: Board, region: Memory) -> int:
    """Cycles that one read of a region stalls the core."""
    access = region.access
    if access is None:
        return 0
    waits = board.clock.flash_wait_states if access.wait_states is None else access.wait_states
    # A memory on a slower clock takes a cycle of its own, of which the pipeline counts one of ours.
    return (waits + 1) * access.divider - 1 + access.bridge_cycles


def _region(board: Board, region: Memory, origin: int, nbytes: int) -> Region:
    access = region.access
    assert access is not None
    first = delay(board, region)
    following = access.divider if access.burst else first + 1
    return Region(origin, origin + nbytes, access.unit_bytes, first, following)


def _cache(described: Cache | None) -> CacheModel | None:
    if described is None:
        return None
    ways = described.ways or described.lines
    return CacheModel(
        described.lines // ways, ways, described.line_bytes, described.fills == "line"
    )
