"""MUL: the product of two broadcast inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.numerics import quantize_multiplier, requantize
from tinygen.ops.elementwise import Arithmetic

if TYPE_CHECKING:
    from tinygen.ir import Array, Node


def factor(node: Node) -> float:
    """Requantization factor, in double precision (TFLite Micro ``CalculateOpDataMul``)."""
    a, b, y = node.input(0).quant.scale, node.input(1).quant.scale, node.output.quant.scale
    return a * b / y


class Mul(Arithmetic):
    """y = requantize(a * b), clamped by the fused activation."""

    name = "MUL"
    table = "MulOptions"

    def check_scales(self, node: Node) -> None:
        self.require_factor(node, factor(node))

    def combine(self, node: Node, a: Array, b: Array) -> Array:
        return requantize(a * b, *quantize_multiplier(factor(node)))


OPERATOR = Mul()
