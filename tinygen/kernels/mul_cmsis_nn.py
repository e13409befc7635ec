"""MUL by CMSIS-NN. Exact: one 32-bit product and one requantization, as defined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels._cmsis_nn import INCLUDES, flavour
from tinygen.kernels._cmsis_nn_cost import elementwise_cost
from tinygen.kernels._cmsis_nn_elementwise import broadcast_refusal, in_place
from tinygen.kernels._cmsis_nn_size import linked
from tinygen.kernels.base import Implementation, Kernel, input_, output
from tinygen.numerics import activation_range, quantize_multiplier
from tinygen.ops.mul import factor

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node

_LARGEST_PRODUCT = 255 * 255


class MulCmsisNN(Kernel):
    """arm_elementwise_mul_s8."""

    name = "mul_cmsis_nn"
    provider = "cmsis_nn"
    op = "MUL"

    def refusal(self, node: Node, core: Core) -> str | None:
        _, shift = quantize_multiplier(factor(node))
        if _LARGEST_PRODUCT << max(shift, 0) >= 1 << 31:
            return "its product could leave 32 bits"
        return broadcast_refusal(node)

    def implement(self, node: Node, core: Core) -> Implementation:
        a, b, y = node.input(0), node.input(1), node.output
        low, high = activation_range(node.options.fused_activation_function, y.quant)
        return Implementation(
            kernel=self,
            params={
                "size": y.size,
                "zero_points": (a.quant.zero_point, b.quant.zero_point, y.quant.zero_point),
                "scaling": quantize_multiplier(factor(node)),
                "low": low,
                "high": high,
            },
            label=str(y.size),
            arguments=(input_(0), input_(1), output()),
            overlaps=in_place(node),
            cycles=elementwise_cost(flavour(core), self.op, y.size),
            linked=linked("arm_elementwise_mul_s8", core),
            includes=INCLUDES,
        )


KERNEL = MulCmsisNN()
