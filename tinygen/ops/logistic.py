"""LOGISTIC: 1 / (1 + exp(-x)) on int8."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.fixed_point import logistic
from tinygen.numerics import rounding_divide_by_pot
from tinygen.ops.base import Draw, quantized
from tinygen.ops.lookup import Sigmoid

if TYPE_CHECKING:
    from tinygen.ir import Array, Node, Tensor

# The quantization specification fixes the output to steps of 1/256 from -128.
_OUTPUT_ZERO_POINT = -128


class Logistic(Sigmoid):
    """y = 256 / (1 + exp(-x)) - 128 in fixed point with 4 integer bits."""

    name = "LOGISTIC"

    def check(self, node: Node) -> None:
        super().check(node)
        zero_point = node.output.quant.zero_point
        self.require(
            node,
            zero_point == _OUTPUT_ZERO_POINT,
            f"its output has zero point {zero_point}",
            "quantize it with scale 1/256 and zero point -128",
        )

    def squash(self, x: Array) -> Array:
        return rounding_divide_by_pot(logistic(x, self.integer_bits), 23) + _OUTPUT_ZERO_POINT

    def draw_output(self, draw: Draw, x: Tensor) -> Tensor:
        return quantized("output", x.shape, 1 / 256, _OUTPUT_ZERO_POINT)


OPERATOR = Logistic()
