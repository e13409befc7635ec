"""ADD of two activations of one shape on cores with the DSP extension, by two tables.

What an input contributes to the sum, requantize((x - zero_point) << 20), is a function of its 256
values, so it is looked up: two tables of 1 KB in flash for a fifth of the instructions.

Exact: the tables hold the definition's values, and the sum is requantized exactly by the proof in
:mod:`._dsp`; a contribution is at most 255 * 2**19 in magnitude, since the factors of the inputs
are at most one half, so the sum is below 2**28.

Overlap: four elements are read from both inputs before the four outputs at the same index are
written, in rising order, so the output may lie at or below the start of either input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels._dsp import requantizer
from tinygen.kernels.base import (
    Constant,
    Implementation,
    Kernel,
    Overlap,
    constant,
    input_,
    output,
)
from tinygen.numerics import activation_range, quantize_multiplier, requantize
from tinygen.ops.add import OPERATOR
from tinygen.ops.elementwise import SUM_LEFT_SHIFT

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Array, Node, Tensor

_LARGEST_SUM = 2 * 255 << (SUM_LEFT_SHIFT - 1)


class AddDsp(Kernel):
    """Four elements at a time, each by two loads from tables."""

    name = "add_dsp"
    provider = "tinygen"
    op = "ADD"

    def refusal(self, node: Node, core: Core) -> str | None:
        if not core.dsp or core.mve:
            return "the core has no DSP extension, or Helium, which is faster"
        a, b = node.input(0), node.input(1)
        if a.is_constant or b.is_constant or a.shape != b.shape:
            return "the inputs are not two activations of one shape"
        return None

    def implement(self, node: Node, core: Core) -> Implementation:
        factors = OPERATOR.factors(node)
        multiplier, shift = quantize_multiplier(factors.output)
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        scaling = requantizer(
            np.array([multiplier], np.int64),
            np.array([shift], np.int64),
            _LARGEST_SUM,
            node.output.quant.zero_point,
            low,
            high,
        )
        double = 2 if scaling.doubled else 1
        tables = [
            _table(tensor, factor) * double
            for tensor, factor in (
                (node.input(0), factors.input_0),
                (node.input(1), factors.input_1),
            )
        ]
        words = scaling.parameters[0].tolist()
        size = node.output.size
        return Implementation(
            kernel=self,
            params={
                "size": size,
                "multiplier": words[0],
                "addend": words[1],
                "shift": words[2],
                **scaling.context,
            },
            label=str(size),
            arguments=(input_(0), input_(1), output(), constant("table_a"), constant("table_b")),
            constants=tuple(
                Constant(role, data.astype(np.int32), "contribution to the sum, by byte", "table")
                for role, data in zip(("table_a", "table_b"), tables, strict=True)
            ),
            overlaps=(Overlap(input=0), Overlap(input=1)),
            cycles=size * 12.5 + 20,
            code_bytes=160,
            includes=("tinygen_math.h", "tinygen_simd.h"),
        )


def _table(tensor: Tensor, factor: float) -> Array:
    """Contributions by the unsigned value of the stored byte, (256,) int64."""
    stored = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64)
    centred = stored - tensor.quant.zero_point
    return requantize(centred << SUM_LEFT_SHIFT, *quantize_multiplier(factor))


KERNEL = AddDsp()
