"""The memory plan as a packing problem: intervals on a line, and how far apart each pair must lie.

Positions and sizes are counted in units, the smallest alignment of any buffer. That loses nothing:
every offset is a multiple of it, so the bytes between a buffer's end and the next unit can hold
nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.memory.plan import Buffer, MayOverlap


@dataclass(frozen=True)
class Pair:
    """Two items that are alive together; indices ``a < b``.

    Either ``start[a] + a_first <= start[b]``, or ``start[b] + b_first <= start[a]``, or, where
    ``same_start`` is set, both start at the same place. Without permission to overlap,
    ``a_first`` and ``b_first`` are the sizes of a and of b.
    """

    a: int
    b: int
    a_first: int
    b_first: int
    same_start: bool


@dataclass(frozen=True)
class Packing:
    """Buffers in units: ``sizes``, start ``multiples`` (alignment), and the ``pairs`` that meet."""

    buffers: tuple[Buffer, ...]
    unit: int
    sizes: tuple[int, ...]
    multiples: tuple[int, ...]
    pairs: tuple[Pair, ...]

    @classmethod
    def of(cls, buffers: Sequence[Buffer], may_overlap: Sequence[MayOverlap]) -> Packing:
        """The problem that the buffers pose.

        Raises ValueError for buffers that make no sense, and for a permission between buffers of
        which the lower does not die in the step in which the upper is born: mistakes in tinygen.
        """
        index = {buffer.name: i for i, buffer in enumerate(buffers)}
        if len(index) != len(buffers):
            raise ValueError("two buffers have the same name")
        for buffer in buffers:
            if buffer.nbytes < 1 or buffer.first > buffer.last:
                raise ValueError(f"buffer {buffer.name!r} is empty or dies before it is born")
            if buffer.alignment < 1 or buffer.alignment & (buffer.alignment - 1):
                raise ValueError(f"the alignment of buffer {buffer.name!r} is not a power of two")
        unit = min((buffer.alignment for buffer in buffers), default=1)
        sizes = tuple(-(-buffer.nbytes // unit) for buffer in buffers)
        gaps: dict[tuple[int, int], int] = {}
        together: set[tuple[int, int]] = set()
        for permission in may_overlap:
            over, under = index[permission.over], index[permission.under]
            if buffers[under].last != buffers[over].first or over == under:
                raise ValueError(
                    f"{permission.over!r} may not lie over {permission.under!r}, "
                    "which does not die in the step in which it is born"
                )
            if permission.same_start:
                together.add((min(over, under), max(over, under)))
            else:
                gap = -(-permission.distance // unit)
                gaps[over, under] = min(gap, gaps.get((over, under), sizes[over]))
        pairs = tuple(
            Pair(a, b, gaps.get((a, b), sizes[a]), gaps.get((b, a), sizes[b]), (a, b) in together)
            for b in range(len(buffers))
            for a in range(b)
            if buffers[a].meets(buffers[b])
        )
        multiples = tuple(buffer.alignment // unit for buffer in buffers)
        return cls(tuple(buffers), unit, sizes, multiples, pairs)

    def nbytes(self, starts: Sequence[int]) -> int:
        """Bytes of the arena in which every item has this start."""
        return max(
            (start * self.unit + b.nbytes for start, b in zip(starts, self.buffers, strict=True)),
            default=0,
        )

    def apart(self, starts: Sequence[int]) -> int:
        """How many pairs would rather start at the same place and do not."""
        return sum(pair.same_start and starts[pair.a] != starts[pair.b] for pair in self.pairs)
