"""SUB: the difference of two broadcast inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.ops.elementwise import SUM_LEFT_SHIFT, Sum, SumFactors

if TYPE_CHECKING:
    from tinygen.ir import Node


class Sub(Sum):
    """y = requantize(rescale(a) - rescale(b)), clamped by the fused activation."""

    name = "SUB"
    table = "SubOptions"
    sign = -1

    def factors(self, node: Node) -> SumFactors:
        """In single precision, unlike ADD (TFLite Micro ``CalculateOpDataSub``)."""
        a, b, y = (
            np.float32(tensor.quant.scale) for tensor in (node.input(0), node.input(1), node.output)
        )
        common = np.float32(2) * max(a, b)
        back = common / (np.float32(1 << SUM_LEFT_SHIFT) * y)
        return SumFactors(float(a / common), float(b / common), float(back))


OPERATOR = Sub()
