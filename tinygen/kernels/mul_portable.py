"""MUL in plain C.

Exact: the definition's own arithmetic, with multiplier and shift as constants.
:mod:`tinygen.kernels._broadcast` says how the output may lie over the inputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels._broadcast import Broadcast
from tinygen.kernels.base import Implementation, Kernel, input_, output
from tinygen.numerics import activation_range, quantize_multiplier
from tinygen.ops.mul import factor

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class MulPortable(Kernel):
    """The product of two loads per element."""

    name = "mul_portable"
    provider = "tinygen"
    op = "MUL"

    def implement(self, node: Node, core: Core) -> Implementation:
        loops = Broadcast.of(node)
        multiplier, shift = quantize_multiplier(factor(node))
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        return Implementation(
            kernel=self,
            params={
                "shapes": (node.input(0).shape, node.input(1).shape),
                "counts": loops.counts,
                "indices": loops.indices,
                "zero_points": (node.input(0).quant.zero_point, node.input(1).quant.zero_point),
                "multiplier": multiplier,
                "shift": shift,
                "output_zero_point": node.output.quant.zero_point,
                "low": low,
                "high": high,
            },
            label="x".join(map(str, node.output.shape)) or "1",
            arguments=(input_(0), input_(1), output()),
            overlaps=loops.overlaps(node),
            cycles=node.output.size * 26.0,
            code_bytes=110,
        )


KERNEL = MulPortable()
