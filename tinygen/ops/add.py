"""ADD: the sum of two broadcast inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.ops.elementwise import SUM_LEFT_SHIFT, Sum, SumFactors

if TYPE_CHECKING:
    from tinygen.ir import Node


class Add(Sum):
    """y = requantize(rescale(a) + rescale(b)), clamped by the fused activation."""

    name = "ADD"
    table = "AddOptions"
    sign = 1

    def factors(self, node: Node) -> SumFactors:
        """In double precision (TFLite Micro ``CalculateOpDataAdd``)."""
        a, b, y = node.input(0).quant.scale, node.input(1).quant.scale, node.output.quant.scale
        common = 2 * max(a, b)
        return SumFactors(a / common, b / common, common / ((1 << SUM_LEFT_SHIFT) * y))


OPERATOR = Add()
