"""Modelled cycles: how often every block ran, times what it costs on the core.

This is a model (docs/cycle-model.md has its sources and limits), so its figures are always called
modelled. Only a real core's cycle counter gives cycles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.device.pipelines import in_order, superscalar
from tinygen.device.pipelines.decode import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tinygen.cores import Core
    from tinygen.device.emulators.block_counter import Block
    from tinygen.device.pipelines.base import BlockCost, Pipeline

_PIPELINES: dict[str, Pipeline] = {
    "cortex-m0": in_order.CORTEX_M0,
    "cortex-m0plus": in_order.CORTEX_M0PLUS,
    "cortex-m3": in_order.CORTEX_M3,
    "cortex-m4": in_order.CORTEX_M4,
    "cortex-m7": superscalar.CORTEX_M7,
    "cortex-m33": superscalar.CORTEX_M33,
}


def model(core: Core) -> CycleModel | None:
    """The cycle model of a core, None for one without a cost table (Cortex-M55)."""
    pipeline = _PIPELINES.get(core.name)
    return CycleModel(pipeline) if pipeline else None


class CycleModel:
    """Prices blocks of one image; a block is disassembled once."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._costs: dict[tuple[int, int], BlockCost] = {}

    def cycles(self, blocks: Iterable[Block], read: Callable[[int, int], bytes]) -> int:
        """Modelled cycles of these blocks; ``read(address, bytes)`` gives their code."""
        return sum(self._cycles(block, read) for block in blocks)

    def price(self, address: int, nbytes: int, read: Callable[[int, int], bytes]) -> BlockCost:
        """What the pipeline takes for the block at an address."""
        key = address, nbytes
        cost = self._costs.get(key)
        if cost is None:
            code = decode(read(address, nbytes), address)
            cost = self._costs[key] = self._pipeline.cost(code)
        return cost

    def _cycles(self, block: Block, read: Callable[[int, int], bytes]) -> int:
        cost = self.price(block.address, block.bytes, read)
        # A predictor learns which way a branch mostly goes, so it misses the rarer way.
        missed = min(block.taken, block.entered - block.taken)
        return cost.straight * block.entered + cost.taken * block.taken + cost.mispredicted * missed
