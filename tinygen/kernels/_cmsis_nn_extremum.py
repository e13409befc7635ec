"""MINIMUM and MAXIMUM by CMSIS-NN: one implementation for both routines.

Exact: stored values are compared. Of the broadcast forms only a scalar is taken: the others step
back and forth in their inputs by rules of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels._cmsis_nn import INCLUDES, flavour
from tinygen.kernels._cmsis_nn_cost import elementwise_cost
from tinygen.kernels._cmsis_nn_elementwise import broadcast_refusal, in_place
from tinygen.kernels._cmsis_nn_size import linked
from tinygen.kernels.base import Implementation, Kernel, input_, output

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class ExtremumCmsisNN(Kernel):
    """One routine; subclasses name it."""

    provider = "cmsis_nn"

    def refusal(self, node: Node, core: Core) -> str | None:
        if 1 in (node.input(0).size, node.input(1).size):
            return None
        return broadcast_refusal(node)

    def implement(self, node: Node, core: Core) -> Implementation:
        return Implementation(
            kernel=self,
            params={
                "routine": f"arm_{self.op.lower()}_s8",
                "sizes": (node.input(0).size, node.input(1).size, node.output.size),
            },
            label=str(node.output.size),
            arguments=(input_(0), input_(1), output()),
            overlaps=in_place(node),
            cycles=elementwise_cost(flavour(core), self.op, node.output.size),
            linked=linked(f"arm_{self.op.lower()}_s8", core),
            includes=INCLUDES,
        )
