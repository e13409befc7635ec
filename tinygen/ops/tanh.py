"""TANH: hyperbolic tangent on int8."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.fixed_point import tanh
from tinygen.numerics import rounding_divide_by_pot
from tinygen.ops.base import Draw, quantized
from tinygen.ops.lookup import Sigmoid

if TYPE_CHECKING:
    from tinygen.ir import Array, Tensor


class Tanh(Sigmoid):
    """y = 128 tanh(x) in fixed point with 4 integer bits.

    The quantization specification fixes the output to scale 1/128 and zero point 0, and the
    arithmetic does not look at it.
    """

    name = "TANH"

    def squash(self, x: Array) -> Array:
        return rounding_divide_by_pot(tanh(x, self.integer_bits), 24)

    def draw_output(self, draw: Draw, x: Tensor) -> Tensor:
        return quantized("output", x.shape, 1 / 128, 0)


OPERATOR = Tanh()
