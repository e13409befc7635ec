"""RELU that stands alone: requantization that ends at zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.numerics import quantize_multiplier, requantize
from tinygen.ops.lookup import Lookup

if TYPE_CHECKING:
    from tinygen.ir import Array, Node


def _factor(node: Node) -> float:
    with np.errstate(over="ignore"):
        return float(np.float32(node.input(0).quant.scale) / np.float32(node.output.quant.scale))


class Relu(Lookup):
    """y = max(requantize(x - zero_point_x) + zero_point_y, zero_point_y).

    The factor is the quotient of the scales in float32 (tflite-micro ``CalculateReluOpData``).
    """

    name = "RELU"

    def check(self, node: Node) -> None:
        super().check(node)
        self.require_factor(node, _factor(node))

    def apply(self, node: Node, x: Array) -> Array:
        source, target = node.input(0).quant, node.output.quant
        factor = quantize_multiplier(_factor(node))
        y = requantize(x - source.zero_point, *factor) + target.zero_point
        return np.where(y > target.zero_point, y, target.zero_point)


OPERATOR = Relu()
