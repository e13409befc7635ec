"""ADD by CMSIS-NN.

Exact: the definition of the operator, with the same left shift and the same three
requantizations; 9-bit differences shifted by 20 stay inside 32 bits.
"""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING

from tinygen.kernels._cmsis_nn import INCLUDES, flavour
from tinygen.kernels._cmsis_nn_cost import elementwise_cost, slowdown
from tinygen.kernels._cmsis_nn_elementwise import broadcast_refusal, in_place
from tinygen.kernels._cmsis_nn_size import linked
from tinygen.kernels.base import Implementation, Kernel, input_, output
from tinygen.numerics import activation_range, quantize_multiplier
from tinygen.ops.add import OPERATOR
from tinygen.ops.elementwise import SUM_LEFT_SHIFT

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class AddCmsisNN(Kernel):
    """arm_elementwise_add_s8."""

    name = "add_cmsis_nn"
    provider = "cmsis_nn"
    op = "ADD"

    def refusal(self, node: Node, core: Core) -> str | None:
        return broadcast_refusal(node)

    def implement(self, node: Node, core: Core) -> Implementation:
        a, b, y = node.input(0), node.input(1), node.output
        scalings = tuple(quantize_multiplier(f) for f in astuple(OPERATOR.factors(node)))
        low, high = activation_range(node.options.fused_activation_function, y.quant)
        return Implementation(
            kernel=self,
            params={
                "size": y.size,
                "zero_points": (a.quant.zero_point, b.quant.zero_point, y.quant.zero_point),
                "scalings": scalings,
                "left_shift": SUM_LEFT_SHIFT,
                "low": low,
                "high": high,
            },
            label=str(y.size),
            arguments=(input_(0), input_(1), output()),
            overlaps=in_place(node),
            cycles=elementwise_cost(flavour(core), self.op, y.size) * slowdown(core, "addition"),
            linked=linked("arm_elementwise_add_s8", core),
            includes=INCLUDES,
        )


KERNEL = AddCmsisNN()
