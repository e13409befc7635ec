"""Which channels go first: those whose loss is small for what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tinygen.compress.pruning.bundles import Bundles
    from tinygen.ir import Array


def removal_order(
    bundles: Bundles,
    shares: Mapping[int, float],
    figure: Callable[[Array], float],
    multiple: int,
) -> list[tuple[int, ...]]:
    """Slabs of channels in the order in which to remove them.

    ``shares`` is what part of its layers' importance each channel has, and ``figure`` what the
    model costs with so many channels left per bundle. A slab brings a bundle to the next smaller
    multiple of ``multiple``; a bundle keeps at least that many. Channels without a share stay.

    Each time the slab goes that loses least per cost it saves. Its loss is its part of what is left
    of the bundle, so that a bundle gets dearer the thinner it is, and none pays for all the others.
    """
    left = bundles.full
    waiting = [
        sorted((root for root in roots if root in shares), key=lambda root: (shares[root], root))
        for roots in bundles.members
    ]
    kept = [sum(shares[root] for root in roots) for roots in waiting]
    order: list[tuple[int, ...]] = []
    while True:
        best: tuple[float, int, int] | None = None
        now = figure(left)
        for index, roots in enumerate(waiting):
            size = int(left[index] - 1) % multiple + 1
            if left[index] - size < multiple or len(roots) < size:
                continue
            thinner = left.copy()
            thinner[index] -= size
            saved = now - figure(thinner)
            if saved <= 0:
                continue
            loss = sum(shares[root] for root in roots[:size]) / max(kept[index], 1e-30)
            if best is None or loss / saved < best[0]:
                best = loss / saved, index, size
        if best is None:
            return order
        _, index, size = best
        slab, waiting[index] = tuple(waiting[index][:size]), waiting[index][size:]
        left = left - size * (np.arange(len(left)) == index)
        kept[index] -= sum(shares[root] for root in slab)
        order.append(slab)
