"""SOFTMAX by CMSIS-NN.

Exact: the same fixed-point exponentials, sum and reciprocal. Where the sum of exponentials may
reach 512, its last rounding shifts by more than 31 bits, which C does not define.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels._cmsis_nn import INCLUDES
from tinygen.kernels._cmsis_nn_cost import softmax_cost
from tinygen.kernels._cmsis_nn_size import linked
from tinygen.kernels.base import Implementation, Kernel, Overlap, input_, output
from tinygen.ops.softmax import scaling

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node

_LARGEST_DEPTH = 511


class SoftmaxCmsisNN(Kernel):
    """arm_softmax_s8."""

    name = "softmax_cmsis_nn"
    provider = "cmsis_nn"
    op = "SOFTMAX"

    def refusal(self, node: Node, core: Core) -> str | None:
        if node.output.shape[-1] > _LARGEST_DEPTH:
            return f"it sums up to {_LARGEST_DEPTH} values"
        return None

    def implement(self, node: Node, core: Core) -> Implementation:
        depth = node.output.shape[-1]
        factors = scaling(node)
        return Implementation(
            kernel=self,
            params={
                "rows": node.output.size // depth,
                "depth": depth,
                "multiplier": factors.multiplier,
                "shift": factors.shift,
                "smallest_difference": -factors.largest_distance,
            },
            label=str(depth),
            arguments=(input_(), output()),
            # The pass that writes reads every value, or group of four, right before.
            overlaps=(Overlap(),),
            cycles=softmax_cost(node.output.size),
            linked=linked("arm_softmax_s8", core),
            includes=INCLUDES,
        )


KERNEL = SoftmaxCmsisNN()
