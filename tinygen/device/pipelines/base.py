"""What a pipeline model answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.device.pipelines.decode import Instruction


@dataclass(frozen=True)
class BlockCost:
    """Cycles of one pass through a block.

    ``straight`` when it is left at its end, ``taken`` more when it is left by its jump, and
    ``mispredicted`` more when a predictor guesses that wrongly (0 on cores without one).
    """

    straight: int
    taken: int = 0
    mispredicted: int = 0


class Pipeline(Protocol):
    """The cost table of a core."""

    def cost(self, block: Sequence[Instruction]) -> BlockCost:
        """Cycles of a block that holds at most one jump, its last instruction."""
        ...
