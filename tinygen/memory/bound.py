"""A size below which no arena can hold the buffers, without a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinygen.memory.packing import Packing


def lower_bound(packing: Packing) -> int:
    """The bytes that are needed in the worst step, in every plan.

    In one step, buffers without permission to overlap take the sum of their sizes. Buffers that
    permissions connect form a group. In it, those that only lie over others are disjoint from each
    other, and so are those that only lie under; the group covers at least the larger of the sums.
    With a single upper buffer, the part of it in front of all lower ones, at least the smallest
    distance, comes on top of the lower sum.
    """
    buffers = packing.buffers
    return max((_live(packing, step) for step in {buffer.first for buffer in buffers}), default=0)


def _live(packing: Packing, step: int) -> int:
    live = [i for i, b in enumerate(packing.buffers) if b.first <= step <= b.last]
    group = {i: i for i in live}

    def root(i: int) -> int:
        while group[i] != i:
            i = group[i]
        return i

    lower: set[int] = set()
    below: dict[int, list[int]] = {}  # how far each upper buffer keeps in front of its lower ones
    for pair in packing.pairs:
        if pair.a not in group or pair.b not in group:
            continue
        for over, under, gap in ((pair.a, pair.b, pair.a_first), (pair.b, pair.a, pair.b_first)):
            born_last = packing.buffers[over].first == step == packing.buffers[under].last
            if born_last and (pair.same_start or gap < packing.sizes[over]):
                below.setdefault(over, []).append(0 if pair.same_start else max(gap, 0))
                lower.add(under)
                group[root(over)] = root(under)

    members: dict[int, list[int]] = {}
    for i in live:
        members.setdefault(root(i), []).append(i)
    units = 0
    for items in members.values():
        upper = [i for i in items if i in below]
        over_size = sum(packing.sizes[i] for i in upper if i not in lower)
        under_size = sum(packing.sizes[i] for i in items if i not in below)
        if len(upper) == 1:
            under_size += min(*below[upper[0]], packing.sizes[upper[0]])
        units += max(over_size, under_size)
    # Only the buffer that ends the arena may leave its last unit incomplete.
    padding = max(packing.sizes[i] * packing.unit - packing.buffers[i].nbytes for i in live)
    return units * packing.unit - padding
