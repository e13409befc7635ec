"""HARD_SWISH: x * min(max(x + 3, 0), 6) / 6 on int8, in 16-bit fixed point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.numerics import INT32_MAX, quantize_multiplier, rounding_divide_by_pot
from tinygen.ops.base import Draw, quantized
from tinygen.ops.lookup import Lookup

if TYPE_CHECKING:
    from tinygen.ir import Array, Node, Tensor

INT16_MIN, INT16_MAX = -(1 << 15), (1 << 15) - 1


def _truncate(x: Array) -> Array:
    """``x / 2**15`` rounded towards zero, as C divides."""
    return np.where(x >= 0, x >> 15, -(-x >> 15))


def _high_mul(a: Array, b: int) -> Array:
    """High half of ``2 * a * b`` for int16 operands, rounded half away from zero."""
    product = a * b
    nudged = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    return _truncate(nudged)


def _short_multiplier(real: float) -> tuple[int, int]:
    """A factor as a 16-bit multiplier and a shift (TFLite ``DownScaleInt32ToInt16Multiplier``)."""
    multiplier, shift = quantize_multiplier(real)
    half = 1 << 15
    return INT16_MAX if multiplier >= INT32_MAX - half else (multiplier + half) >> 16, shift


def _factors(node: Node) -> tuple[float, float]:
    """From the input, 128 times finer, to the output's scale and to [-1, 1) for [-3, 3)."""
    fine = np.float32(1 / 128) * np.float32(node.input(0).quant.scale)
    with np.errstate(over="ignore"):
        to_output = float(fine / np.float32(node.output.quant.scale))
        return to_output, float(fine / (np.float32(3) / np.float32(32768)))


class HardSwish(Lookup):
    """y = (x on the output's scale) * (x from [-3, 3] saturated to [0, 1]).

    Formula: TFLite ``reference_ops::HardSwish``, with the constants of ``HardSwishPrepare``.
    """

    name = "HARD_SWISH"
    table = "HardSwishOptions"

    def check(self, node: Node) -> None:
        super().check(node)
        to_output, to_gate = _factors(node)
        self.require_factor(node, to_output)
        self.require_factor(node, to_gate)
        _, shift = _short_multiplier(to_output)
        self.require(
            node,
            -15 <= shift <= 0,
            f"the scales {node.input(0).quant.scale:g} and {node.output.quant.scale:g} of its "
            "input and output lie too far apart for 16-bit arithmetic",
            "calibrate the model again",
        )

    def apply(self, node: Node, x: Array) -> Array:
        (to_output, output_shift), (to_gate, gate_shift) = map(_short_multiplier, _factors(node))
        fine = (x - node.input(0).quant.zero_point) << 7
        # A left shift saturates only in its last bit, after the multiplication.
        gate = np.clip(fine << max(gate_shift - 1, 0), INT16_MIN, INT16_MAX)
        gate = _high_mul(gate, to_gate)
        if gate_shift > 0:
            gate = np.clip(gate << 1, INT16_MIN, INT16_MAX)
        gate = rounding_divide_by_pot(gate, max(-gate_shift, 0))
        product = ((gate + (1 << 15)) >> 1) * _high_mul(fine, to_output)
        # This product is truncated, which cancels the bias of the rounded ones above.
        return (
            rounding_divide_by_pot(_truncate(product), -output_shift) + node.output.quant.zero_point
        )

    def draw_output(self, draw: Draw, x: Tensor) -> Tensor:
        scale = x.quant.scale * draw.real(0.02, 20.0)
        return quantized("output", x.shape, scale, draw.integer(-128, 127))


OPERATOR = HardSwish()
