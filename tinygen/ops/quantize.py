"""QUANTIZE: float32 to int8 at the edge of a model, or int8 to another int8 quantization."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Array, Node, Shape, Tensor
from tinygen.numerics import quantize_multiplier, requantize, round_half_away
from tinygen.ops.base import FLOAT32, Draw, Operator, draw_quantized
from tinygen.ops.shapes import draw_shape, present

if TYPE_CHECKING:
    from collections.abc import Sequence


class Quantize(Operator):
    """y = round(x / scale) + zero_point from float32, y = requantize(x - zero_point) from int8.

    The float quotient is rounded half away from zero (TFLite ``AffineQuantize``). Values beyond
    int8, infinities included, saturate, and what is not a number becomes the zero point, as it
    does where tflite-micro runs on Arm; C leaves these conversions undefined. The int8 factor is
    a quotient in double precision (tflite-micro ``PrepareQuantizeReference``).
    """

    name = "QUANTIZE"
    table = "QuantizeOptions"

    def check(self, node: Node) -> None:
        x = node.input(0)
        self.require_int8(node, node.output)
        if x.dtype != FLOAT32:
            self.require_int8(node, x)
            self.require_factor(node, x.quant.scale / node.output.quant.scale)

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        return (node.input(0).shape,)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        x, target = present(inputs), node.output.quant
        if node.input(0).dtype == FLOAT32:
            with np.errstate(over="ignore"):
                steps = np.nan_to_num(x / np.float32(target.scale), nan=0.0)
            y = round_half_away(np.clip(steps, -256, 256)).astype(np.int64)
        else:
            source = node.input(0).quant
            factor = quantize_multiplier(source.scale / target.scale)
            y = requantize(x.astype(np.int64) - source.zero_point, *factor)
        return (np.clip(y + target.zero_point, -128, 127).astype(np.int8),)

    def sample(self, draw: Draw) -> Node:
        shape = draw_shape(draw)
        x = draw.choice((Tensor("input", shape, FLOAT32), draw_quantized(draw, "input", shape)))
        return Node(self.name, "quantize", (x,), (draw_quantized(draw, "output", shape),))


OPERATOR = Quantize()
