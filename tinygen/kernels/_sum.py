"""What ADD and SUB in plain C share.

Exact: the definition's own arithmetic, with multipliers and shifts as constants. The input with
the larger scale has the factor one half, which is a shift: the doubling high multiplication of
x << 20 by 2**30 gives x << 19 without rounding, as abs(x) <= 255. Both terms and their sum stay
below 2**29. :mod:`tinygen.kernels._broadcast` says how the output may lie over the inputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygen.kernels._broadcast import Broadcast
from tinygen.kernels.base import Implementation, Kernel, input_, output
from tinygen.numerics import activation_range, quantize_multiplier
from tinygen.ops import operator
from tinygen.ops.elementwise import SUM_LEFT_SHIFT, Sum

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node, Tensor

# Multiplier and shift of one half.
ONE_HALF = (1 << 30, 0)


class SumPortable(Kernel):
    """Two rescaled loads per element."""

    provider = "tinygen"
    sign: str
    title: str

    def implement(self, node: Node, core: Core) -> Implementation:
        loops = Broadcast.of(node)
        definition = operator(node.op)
        assert isinstance(definition, Sum)
        factors = definition.factors(node)
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        multiplier, shift = quantize_multiplier(factors.output)
        return Implementation(
            kernel=self,
            params={
                "title": self.title,
                "sign": self.sign,
                "shapes": (node.input(0).shape, node.input(1).shape),
                "counts": loops.counts,
                "indices": loops.indices,
                "terms": (
                    _term(node.input(0), factors.input_0),
                    _term(node.input(1), factors.input_1),
                ),
                "left_shift": SUM_LEFT_SHIFT,
                "multiplier": multiplier,
                "shift": shift,
                "output_zero_point": node.output.quant.zero_point,
                "low": low,
                "high": high,
            },
            label="x".join(map(str, node.output.shape)) or "1",
            arguments=(input_(0), input_(1), output()),
            overlaps=loops.overlaps(node),
            cycles=node.output.size * (28.0 if core.mainline else 64.0),
            code_bytes=140,
        )


def _term(tensor: Tensor, factor: float) -> dict[str, Any]:
    """Zero point of an input, and the factor that takes it to the common scale."""
    multiplier, shift = quantize_multiplier(factor)
    return {
        "zero_point": tensor.quant.zero_point,
        "multiplier": multiplier,
        "shift": shift,
        "is_half": (multiplier, shift) == ONE_HALF,
    }
