"""DEQUANTIZE to float32 in plain C.

Exact: the difference to the zero point has at most 9 bits, so it converts to float exactly, and
the product with the scale is rounded once, as in the definition. The compiler cannot fuse it with
anything, since nothing follows it.

The output may lie in front of the input, ``3 * count`` bytes or more: float i ends at byte
``4i + 4`` of the output, which is at or in front of input byte i + 1 where
``output + 4i + 4 <= input + i + 1``, and the last element asks for the most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels.base import Implementation, Kernel, Overlap, input_, output
from tinygen.kernels.quantize_portable import float_literal

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class DequantizePortable(Kernel):
    """One multiplication per element."""

    name = "dequantize_portable"
    provider = "tinygen"
    op = "DEQUANTIZE"

    def implement(self, node: Node, core: Core) -> Implementation:
        count, quantization = node.output.size, node.input(0).quant
        return Implementation(
            kernel=self,
            params={
                "count": count,
                "scale": float_literal(quantization.scale),
                "zero_point": quantization.zero_point,
            },
            label=str(count),
            arguments=(input_(), output()),
            overlaps=(Overlap(distance=3 * count),),
            cycles=(8.0 if core.fpu else 150.0) * count,
            includes=(),
        )


KERNEL = DequantizePortable()
