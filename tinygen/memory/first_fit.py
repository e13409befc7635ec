"""First fit: put one buffer after the other at the lowest place that is free."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.memory.packing import Packing


def first_fit(packing: Packing) -> list[int]:
    """Starts of the best packing among those of a few orders, in units.

    Large buffers first is the best single rule. From last to first suits chains that slide: an
    output lies below its input, so it must be there when the input is placed.
    """
    buffers, sizes = packing.buffers, packing.sizes
    indices = range(len(buffers))
    orders = (
        sorted(indices, key=lambda i: (-sizes[i], buffers[i].first)),
        sorted(indices, key=lambda i: (-buffers[i].first, -sizes[i])),
        sorted(indices, key=lambda i: (buffers[i].first, -sizes[i])),
        sorted(indices, key=lambda i: -sizes[i] * (buffers[i].last - buffers[i].first + 1)),
    )
    packings = [_place(packing, order) for order in orders]
    return min(packings, key=lambda starts: (packing.nbytes(starts), packing.apart(starts)))


def _place(packing: Packing, order: Sequence[int]) -> list[int]:
    # neighbours[i]: (j, least start[j] - start[i] with i first, the same with j first, same start)
    neighbours: list[list[tuple[int, int, int, bool]]] = [[] for _ in packing.buffers]
    for pair in packing.pairs:
        neighbours[pair.a].append((pair.b, pair.a_first, pair.b_first, pair.same_start))
        neighbours[pair.b].append((pair.a, pair.b_first, pair.a_first, pair.same_start))
    starts: list[int | None] = [None] * len(packing.buffers)
    for i in order:
        placed = [
            (start, below, above, together)
            for j, below, above, together in neighbours[i]
            if (start := starts[j]) is not None
        ]
        step = packing.multiples[i]
        # Places to prefer first; then the lowest one: at zero or just above something.
        shared = sorted(start for start, _, _, together in placed if together)
        lowest = sorted({0, *(max(-(-(s + above) // step) * step, 0) for s, _, above, _ in placed)})
        starts[i] = next(
            x
            for x in (*shared, *lowest)
            if x % step == 0
            and all(
                x + below <= start or start + above <= x or (together and x == start)
                for start, below, above, together in placed
            )
        )
    return [start for start in starts if start is not None]
