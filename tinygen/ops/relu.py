"""RELU that stands alone: requantization that ends at zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.numerics import quantize_multiplier, requantize
from tinygen.ops.lookup import Lookup

if TYPE_CHECKING:
    from tinygen.ir import Array, Node


class Relu(Lookup):
    """y = max(requantize(x - zero_point_x) + zero_point_y, zero_point_y).

    The factor is the quotient of the scales in float32 (tflite-micro ``CalculateReluOpData``).
    """

    name = "RELU"

    def apply(self, node: Node, x: Array) -> Array:
        source, target = node.input(0).quant, node.output.quant
        factor = float(np.float32(source.scale) / np.float32(target.scale))
        y = requantize(x - source.zero_point, *quantize_multiplier(factor)) + target.zero_point
        return np.where(y > target.zero_point, y, target.zero_point)


OPERATOR = Relu()
