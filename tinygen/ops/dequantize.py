"""DEQUANTIZE: int8 to float32, at the edge of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Array, Node, Shape, Tensor
from tinygen.ops.base import FLOAT32, Draw, Operator, draw_quantized
from tinygen.ops.shapes import draw_shape, present

if TYPE_CHECKING:
    from collections.abc import Sequence


class Dequantize(Operator):
    """y = scale * (x - zero_point) in float32.

    TFLite ``Dequantize`` multiplies in double precision and rounds once; a product of a float32
    and an integer of 9 bits is exact there, so the float32 product is the same number.
    """

    name = "DEQUANTIZE"
    table = "DequantizeOptions"

    def check(self, node: Node) -> None:
        self.require_int8(node, node.input(0))
        self.require(
            node,
            node.output.dtype == FLOAT32,
            f"its output is {node.output.dtype}",
            "dequantize to float32",
        )

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        return (node.input(0).shape,)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        quantization = node.input(0).quant
        centred = present(inputs).astype(np.int32) - quantization.zero_point
        return (np.float32(quantization.scale) * centred.astype(np.float32),)

    def sample(self, draw: Draw) -> Node:
        x = draw_quantized(draw, "input", draw_shape(draw))
        return Node(self.name, "dequantize", (x,), (Tensor("output", x.shape, FLOAT32),))


OPERATOR = Dequantize()
