"""Estimates replaced by measurements, where there are any."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tinygen.tuning.identity import digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.compiler import CompiledModel
    from tinygen.cores import Core
    from tinygen.ir import Node
    from tinygen.kernels.base import Implementation
    from tinygen.tuning.table import Table


class Tuned:
    """The prices of a table, for :func:`tinygen.selection.select`.

    A node is chosen for by measurements where each of its kernels has one, for a measurement and an
    estimate are not comparable. Any other node keeps its estimates, multiplied by what was measured
    of all kernels over what was estimated of them: the sum over a graph then has one unit.
    """

    def __init__(self, table: Table, core: Core) -> None:
        self._core = core
        self._measured = {entry.digest: entry.measured for entry in table.entries}
        predicted = sum(entry.predicted for entry in table.entries)
        measured = sum(entry.measured for entry in table.entries)
        self._scale = measured / predicted if predicted and measured else 1.0

    def __call__(self, node: Node, offers: Sequence[Implementation]) -> list[Implementation]:
        """The offers with other ``cycles``."""
        known = [self._measured.get(digest(node, offer, self._core)) for offer in offers]
        if None in known:
            return [replace(offer, cycles=offer.cycles * self._scale) for offer in offers]
        return [
            replace(offer, cycles=float(taken))
            for offer, taken in zip(offers, known, strict=True)
            if taken is not None
        ]

    def layers(self, compiled: CompiledModel) -> int:
        """How many layers run a kernel that was measured."""
        digests = (digest(i.node, i.implementation, self._core) for i in compiled.layers)
        return sum(found in self._measured for found in digests)
