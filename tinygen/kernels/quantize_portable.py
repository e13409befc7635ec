"""QUANTIZE from float32 in plain C, without the mathematics library.

Exact: the quotient by the scale is the same IEEE division as in the definition, soft or in
hardware. Values at or beyond the int8 range saturate by comparison before anything is converted,
so the conversion to int32 truncates a number below 2**9. What it cuts off is a difference of
floats whose result is representable, so comparing it with one half is exact, and halves go away
from zero. What is not a number fails all comparisons and leaves the zero point.

The output may lie over the input, or in front of it: float i, bytes 4i to 4i + 3, is read before
byte i is written, and at ``output <= input`` byte i of the output lies in front of float i + 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels.base import Implementation, Kernel, Overlap, input_, output
from tinygen.ops.base import FLOAT32

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class QuantizePortable(Kernel):
    """One division per element."""

    name = "quantize_portable"
    provider = "tinygen"
    op = "QUANTIZE"

    def refusal(self, node: Node, core: Core) -> str | None:
        return None if node.input(0).dtype == FLOAT32 else "the input is not float32"

    def implement(self, node: Node, core: Core) -> Implementation:
        count, quantization = node.output.size, node.output.quant
        return Implementation(
            kernel=self,
            params={
                "count": count,
                "scale": float_literal(quantization.scale),
                "zero_point": quantization.zero_point,
            },
            label=str(count),
            arguments=(input_(), output()),
            overlaps=(Overlap(),),
            cycles=(40.0 if core.fpu else 300.0) * count,
            includes=(),
        )


def float_literal(value: float) -> str:
    """The shortest C literal that reads back as the same float32."""
    return f"{np.format_float_scientific(np.float32(value), unique=True)}f"


KERNEL = QuantizePortable()
