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


class LeakyRelu(Lookup):
    """y = requantize(x - zero_point_x) + zero_point_y, with another factor on each side of zero.

    Both factors are products and quotients in float32; a negative slope is applied as its
    magnitude and then negated (tflite-micro ``CalculateOpDataLeakyRelu``, TFLite
    ``QuantizeLeakyRelu``).
    """

    name = "LEAKY_RELU"
    table = "LeakyReluOptions"
    options_type = LeakyReluOptions

    def apply(self, node: Node, x: Array) -> Array:
        source, target = node.input(0).quant, node.output.quant
        in_scale, out_scale = np.float32(source.scale), np.float32(target.scale)
        alpha = np.float32(node.options.alpha)
        centred = x - source.zero_point
        identity = quantize_multiplier(float(in_scale / out_scale))
        slope = quantize_multiplier(float(in_scale * abs(alpha) / out_scale))
        sloped = requantize(centred, *slope) * (-1 if alpha < 0 else 1)
        return np.where(centred >= 0, requantize(centred, *identity), sloped) + target.zero_point

    def draw_options(self, draw: Draw) -> LeakyReluOptions:
        return LeakyReluOptions(alpha=draw.choice((0.0, 0.25, draw.real(-0.5, 1.5))))


OPERATOR = LeakyRelu()
