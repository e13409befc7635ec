"""What ADD and SUB of two inputs of one shape on Helium share.

Exact: the definition's own arithmetic by the vector operations of :mod:`._mve`. The factor of the
input with the larger scale is one half, which makes its term (x - z) << 19 without rounding, as
abs(x - z) <= 255; all sums stay below 2**29. :mod:`._elementwise_mve` shows when the correction for
negative ties is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels._elementwise_mve import ElementwiseMve, centred, halves_up, needs_away
from tinygen.numerics import activation_range, quantize_multiplier, requantize
from tinygen.ops import operator
from tinygen.ops.elementwise import SUM_LEFT_SHIFT, Sum

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node
    from tinygen.kernels.base import Implementation

_ONE_HALF = (1 << 30, 0)


class SumMve(ElementwiseMve):
    """Two vectors of four sums at a time."""

    title: str

    def implement(self, node: Node, core: Core) -> Implementation:
        definition = operator(node.op)
        assert isinstance(definition, Sum)
        factors = definition.factors(node)
        given = tuple(map(quantize_multiplier, (factors.input_0, factors.input_1)))
        halved = 0 if given[0] == _ONE_HALF else 1
        scaled = 1 - halved
        multiplier, shift = given[scaled]
        final = quantize_multiplier(factors.output)
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        zero_point = node.output.quant.zero_point
        shifted = centred(node.input(scaled)) << SUM_LEFT_SHIFT
        terms = requantize(shifted, multiplier, shift)
        negated = definition.sign < 0 and scaled == 1
        half = (1 << (SUM_LEFT_SHIFT - 1)) * (definition.sign if halved == 1 else 1)
        totals = (-terms if negated else terms)[:, None] + centred(node.input(halved)) * half
        away = bool(np.any(halves_up(shifted, multiplier, shift) != terms))
        output_away = needs_away(totals, *final, zero_point, low, high)
        return self.specialise(
            node,
            (scaled, halved),
            {
                "title": self.title,
                "left_shift": SUM_LEFT_SHIFT,
                "half": half,
                "negated": negated,
                "scaled_zero_point": node.input(scaled).quant.zero_point,
                "halved_zero_point": node.input(halved).quant.zero_point,
                "multiplier": multiplier,
                "shift": shift,
                "away": away,
                "output_multiplier": final[0],
                "output_shift": final[1],
                "output_away": output_away,
                "output_zero_point": zero_point,
                "low": low,
                "high": high,
            },
            # Measured on Cortex-M55.
            instructions=3.75 + 0.5 * (away + output_away) + 0.25 * negated,
        )
