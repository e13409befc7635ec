"""MUL of two inputs of one shape on Helium.

Exact: a product of centred values is at most 255**2 in magnitude, and is requantized by the vector
operations of :mod:`._mve`. :mod:`._elementwise_mve` shows when the correction for negative ties is
left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels._elementwise_mve import ElementwiseMve, centred, needs_away
from tinygen.numerics import activation_range, quantize_multiplier
from tinygen.ops.mul import factor

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node
    from tinygen.kernels.base import Implementation


class MulMve(ElementwiseMve):
    """Products in vectors of four."""

    name = "mul_mve"
    op = "MUL"

    def implement(self, node: Node, core: Core) -> Implementation:
        multiplier, shift = quantize_multiplier(factor(node))
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        zero_point = node.output.quant.zero_point
        products = centred(node.input(0))[:, None] * centred(node.input(1))
        away = needs_away(products, multiplier, shift, zero_point, low, high)
        return self.specialise(
            node,
            (0, 1),
            {
                "zero_points": tuple(node.input(i).quant.zero_point for i in range(2)),
                "multiplier": multiplier,
                "left_shift": max(shift, 0),
                "shift": min(shift, 0),
                "away": away,
                "output_zero_point": zero_point,
                "low": low,
                "high": high,
            },
            # Measured on Cortex-M55.
            instructions=3.0 + 0.5 * away,
        )


KERNEL = MulMve()
