"""SOFTMAX over the last axis, int8 to int8."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.fixed_point import exp_on_negative_values, one_over_one_plus_x_for_x_in_0_1
from tinygen.ir import Node
from tinygen.numerics import (
    quantize_multiplier,
    requantize,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)
from tinygen.ops.base import Draw, Operator, draw_quantized, quantized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Array, Shape

OUTPUT_SCALE, OUTPUT_ZERO_POINT = 1 / 256, -128
INPUT_BITS = 5  # Differences to the maximum are taken to Q5.26,
SUM_BITS = 12  # and their exponentials are summed in Q12.19,
MAX_DEPTH = (1 << SUM_BITS) - 1  # which holds this many ones.


@dataclass(frozen=True)
class SoftmaxOptions:
    """Fields of TFLite's SoftmaxOptions."""

    beta: float = 1.0


def _factor(node: Node) -> float:
    """Factor from a difference of stored values to Q5.26 (TFLite ``PreprocessSoftmaxScaling``)."""
    real = node.options.beta * node.input(0).quant.scale * (1 << (31 - INPUT_BITS))
    return float(min(real, (1 << 31) - 1.0))


@dataclass(frozen=True)
class Scaling:
    """How a difference of stored values becomes Q5.26.

    Differences to the maximum beyond ``largest_distance`` would leave that format: they give 0
    and take no part in the sum.
    """

    multiplier: int
    shift: int
    largest_distance: int


def scaling(node: Node) -> Scaling:
    """From beta and the input's scale (TFLite ``CalculateInputRadius``)."""
    multiplier, shift = quantize_multiplier(_factor(node))
    largest = math.floor(((1 << INPUT_BITS) - 1) * (1 << (31 - INPUT_BITS)) / (1 << shift))
    return Scaling(multiplier, shift, largest)


def exponentials(node: Node) -> Array:
    """``exp(beta * scale * (stored - maximum))`` in Q0.31 for maximum - stored = 0..255."""
    factors = scaling(node)
    difference = np.arange(256)
    inside = np.where(difference <= factors.largest_distance, difference, 0)
    values = exp_on_negative_values(
        requantize(-inside, factors.multiplier, factors.shift), INPUT_BITS
    )
    return np.where(difference <= factors.largest_distance, values, 0)


class Softmax(Operator):
    """y = exp(beta (x - max)) / sum exp(beta (x - max)), over the last axis.

    TFLite Micro aborts where the sum reaches 512; here the same formula goes on to MAX_DEPTH
    values.
    """

    name = "SOFTMAX"
    table = "SoftmaxOptions"
    options_type = SoftmaxOptions

    def check(self, node: Node) -> None:
        x, y = node.input(0), node.output
        self.require_int8(node, x, y)
        self.require(
            node,
            y.quant.scale == OUTPUT_SCALE and y.quant.zero_point == OUTPUT_ZERO_POINT,
            f"its output has scale {y.quant.scale:g} and zero point {y.quant.zero_point}",
            "quantize the output with scale 1/256 and zero point -128",
        )
        self.require(
            node,
            len(x.shape) > 0 and 0 < x.shape[-1] <= MAX_DEPTH,
            f"it runs over the last axis of shape {x.shape}",
            f"give that axis 1 to {MAX_DEPTH} values",
        )
        self.require(
            node,
            math.isfinite(node.options.beta) and _factor(node) > 1,
            f"beta {node.options.beta:g} with input scale {x.quant.scale:g} is out of range",
            "use a beta around 1",
        )

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        return (node.input(0).shape,)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        x = inputs[0]
        assert x is not None
        stored = x.astype(np.int64)
        exp = exponentials(node)[stored.max(axis=-1, keepdims=True) - stored]
        total = rounding_divide_by_pot(exp, SUM_BITS).sum(axis=-1, keepdims=True)
        # total = 2**(SUM_BITS - 1 - headroom) * (1 + fraction), the fraction in Q0.31.
        headroom = 31 - np.floor(np.log2(total)).astype(np.int64)
        fraction = (total << headroom) - (1 << 31)
        reciprocal = one_over_one_plus_x_for_x_in_0_1(fraction)
        # At most 34; beyond 31 every value rounds to 0.
        exponent = SUM_BITS - headroom + 23
        y = rounding_divide_by_pot(saturating_rounding_doubling_high_mul(reciprocal, exp), exponent)
        return (np.clip(y - 128, -128, 127).astype(np.int8),)

    def sample(self, draw: Draw) -> Node:
        outer = draw.choice(((1,), (1,), (), (3,), (1, 2, 2), (1, 4)))
        x = draw_quantized(draw, "input", (*outer, draw.choice((draw.integer(1, 40), 300, 511))))
        y = quantized("output", x.shape, OUTPUT_SCALE, OUTPUT_ZERO_POINT)
        beta = draw.choice((1.0, 1.0, draw.real(0.01, 20.0)))
        return Node(self.name, "softmax", (x,), (y,), SoftmaxOptions(beta))


OPERATOR = Softmax()
