"""ADD of two inputs of one shape on Helium, eight elements at a time.

Exact: the definition's own arithmetic by the vector operations of :mod:`._mve`. The factor of the
input with the larger scale is one half, which makes its term (x - z) << 19 without rounding, as
abs(x - z) <= 255; all sums stay below 2**29. Whether the correction for negative ties is needed is
tried out when the code is generated: on the 256 values of the other input, and on all pairs.

Overlap: up to eight elements are read from both inputs before the outputs at the same indices are
written, in rising order, so the output may lie at or below the start of either input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels._mve import INCLUDES
from tinygen.kernels.base import Implementation, Kernel, Overlap, input_, output
from tinygen.numerics import activation_range, quantize_multiplier, requantize
from tinygen.numerics import saturating_rounding_doubling_high_mul as doubling_high_mul
from tinygen.ops.add import OPERATOR
from tinygen.ops.elementwise import SUM_LEFT_SHIFT

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Array, Node, Tensor

_ONE_HALF = (1 << 30, 0)


class AddMve(Kernel):
    """Two vectors of four sums at a time."""

    name = "add_mve"
    provider = "tinygen"
    op = "ADD"

    def refusal(self, node: Node, core: Core) -> str | None:
        if not core.mve:
            return "the core has no Helium"
        if node.input(0).shape != node.input(1).shape:
            return "the inputs are not of one shape"
        return None

    def implement(self, node: Node, core: Core) -> Implementation:
        factors = OPERATOR.factors(node)
        given = tuple(map(quantize_multiplier, (factors.input_0, factors.input_1)))
        halved = 0 if given[0] == _ONE_HALF else 1
        scaled = 1 - halved
        multiplier, shift = given[scaled]
        output_multiplier, output_shift = quantize_multiplier(factors.output)
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        zero_point = node.output.quant.zero_point
        shifted = _centred(node.input(scaled)) << SUM_LEFT_SHIFT
        terms = requantize(shifted, multiplier, shift)
        half = 1 << (SUM_LEFT_SHIFT - 1)
        totals = np.unique(terms[:, None] + _centred(node.input(halved)) * half)
        exact = requantize(totals, output_multiplier, output_shift)
        simple = _halves_up(totals, output_multiplier, output_shift)
        away = bool(np.any(_halves_up(shifted, multiplier, shift) != terms))
        output_away = bool(
            np.any(
                np.clip(exact + zero_point, low, high) != np.clip(simple + zero_point, low, high)
            )
        )
        size = node.output.size
        return Implementation(
            kernel=self,
            params={
                "size": size,
                "left_shift": SUM_LEFT_SHIFT,
                "half": half,
                "scaled_zero_point": node.input(scaled).quant.zero_point,
                "halved_zero_point": node.input(halved).quant.zero_point,
                "multiplier": multiplier,
                "shift": shift,
                "away": away,
                "output_multiplier": output_multiplier,
                "output_shift": output_shift,
                "output_away": output_away,
                "output_zero_point": zero_point,
                "low": low,
                "high": high,
            },
            label=str(size),
            arguments=(input_(scaled), input_(halved), output()),
            overlaps=tuple(
                Overlap(input=index) for index in range(2) if not node.input(index).is_constant
            ),
            # Instructions, measured on Cortex-M55.
            cycles=size * (3.75 + 0.5 * (away + output_away)) + -(-(size % 8) // 4) * 32 + 20,
            code_bytes=250,
            includes=INCLUDES,
        )


def _centred(tensor: Tensor) -> Array:
    """All 256 values of an input without its zero point."""
    return np.arange(-128, 128, dtype=np.int64) - tensor.quant.zero_point


def _halves_up(x: Array, multiplier: int, shift: int) -> Array:
    """Requantization for ``shift <= 0`` whose second rounding is VRSHL's."""
    product = doubling_high_mul(x, multiplier)
    return product if shift == 0 else (product + (1 << (-shift - 1))) >> -shift


KERNEL = AddMve()
