"""What MINIMUM and MAXIMUM in plain C share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tinygen.kernels._broadcast import Broadcast
from tinygen.kernels._moves import by
from tinygen.kernels.base import Implementation, Kernel, input_, output

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class ExtremumPortable(Kernel):
    """Takes the first of two values where ``first comparison second``."""

    provider = "tinygen"
    comparison: ClassVar[str]

    def implement(self, node: Node, core: Core) -> Implementation:
        broadcast = Broadcast.of(node)
        shapes = (node.input(0).shape, node.input(1).shape)
        return Implementation(
            kernel=self,
            params={
                "counts": broadcast.counts,
                "indices": broadcast.indices,
                "comparison": self.comparison,
                "shapes": shapes,
            },
            label="_and_".join(map(by, shapes)),
            arguments=(input_(0), input_(1), output()),
            overlaps=broadcast.overlaps(node),
            cycles=8.0 * node.output.size,
            includes=(),
        )
