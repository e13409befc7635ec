"""LEAKY_RELU: negative values are multiplied by a constant slope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.numerics import quantize_multiplier, requantize
from tinygen.ops.lookup import Lookup

if TYPE_CHECKING:
    from tinygen.ir import Array, Node
    from tinygen.ops.base import Draw


@dataclass(frozen=True)
class LeakyReluOptions:
    """``alpha`` is the slope for negative values."""

    alpha: float = 0.0


def _factors(node: Node) -> tuple[float, float]:
    """Magnitudes of the factors above and below zero."""
    source, target = (np.float32(t.quant.scale) for t in (node.input(0), node.output))
    slope = abs(np.float32(node.options.alpha))
    with np.errstate(over="ignore"):
        return float(source / target), float(source * slope / target)


class LeakyRelu(Lookup):
    """y = requantize(x - zero_point_x) + zero_point_y, with another factor on each side of zero.

    Both factors are products and quotients in float32; a negative slope is applied as its
    magnitude and then negated (tflite-micro ``CalculateOpDataLeakyRelu``, TFLite
    ``QuantizeLeakyRelu``).
    """

    name = "LEAKY_RELU"
    table = "LeakyReluOptions"
    options_type = LeakyReluOptions

    def check(self, node: Node) -> None:
        super().check(node)
        above, below = _factors(node)
        self.require_factor(node, above)
        if below != 0:
            self.require_factor(node, below)

    def apply(self, node: Node, x: Array) -> Array:
        centred = x - node.input(0).quant.zero_point
        above, below = map(quantize_multiplier, _factors(node))
        sloped = requantize(centred, *below) * (-1 if node.options.alpha < 0 else 1)
        y = np.where(centred >= 0, requantize(centred, *above), sloped)
        return y + node.output.quant.zero_point

    def draw_options(self, draw: Draw) -> LeakyReluOptions:
        return LeakyReluOptions(alpha=draw.choice((0.0, 0.25, draw.real(-0.5, 1.5))))


OPERATOR = LeakyRelu()
