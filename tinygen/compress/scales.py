"""Scales and zero points from ranges, by the formulas of TFLiteConverter (TensorFlow 2.21).

Each was found by converting models made for it, and agrees bit for bit; the tests convert again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Quantization
from tinygen.numerics import INT32_MAX, INT32_MIN, round_half_away

if TYPE_CHECKING:
    from tinygen.ir import Array

SMALLEST_RANGE = 1e-6
"""Narrower ranges of activations, such as that of a tensor that is always zero, are replaced by one
of this size on both sides of zero.
"""

SMALLEST_WEIGHT = 5e-7
"""Largest magnitude that a slice of weights is taken to have at least."""

LARGEST_BIAS = 1 << 29
"""Largest stored bias.

The converter lets a bias grow until it no longer fits 32 bits. Here the weights of such a channel
get a coarser scale instead, so that accumulators stay below 2**30, on which kernels rely; its
weights are then so small beside its bias that nothing of them is lost that the output could show.
"""


@dataclass(frozen=True)
class Range:
    """Smallest and largest value an activation takes."""

    low: float
    high: float

    def __or__(self, other: Range) -> Range:
        """The smallest range that holds both."""
        return Range(min(self.low, other.low), max(self.high, other.high))


def asymmetric(values: Range) -> Quantization:
    """int8 quantization of an activation, zero represented exactly.

    The scale is (high - low) / 255 in single precision. The zero point is -128 - low / scale, kept
    in single precision too and rounded half away.
    """
    low, high = np.float32(min(values.low, 0.0)), np.float32(max(values.high, 0.0))
    if high - low < SMALLEST_RANGE:
        low, high = np.float32(-SMALLEST_RANGE), np.float32(SMALLEST_RANGE)
    scale = float((high - low) / np.float32(255))
    zero_point = int(round_half_away(np.float32(-128 - float(low) / scale)))
    return Quantization((scale,), (min(max(zero_point, -128), 127),))


def levels(bits: int) -> int:
    """Largest stored weight: 127 for 8 bits, 7 for 4; the negative limit is its mirror image."""
    return (1 << (bits - 1)) - 1


def slice_axes(weights: Array, axis: int | None) -> tuple[int, ...]:
    """The axes that one scale runs over: all but ``axis``."""
    return tuple(i for i in range(weights.ndim) if i != axis)


def symmetric(
    weights: Array,
    axis: int | None,
    bias: Array | None,
    input_scale: float,
    bits: int = 8,
    largest: Array | None = None,
) -> tuple[Array, Quantization]:
    """Weights as int8 with zero point 0, per slice along ``axis``, whole without one.

    The scale is the largest magnitude / 127, for 4 ``bits`` / 7; values are rounded half away from
    zero and clipped to [-127, 127] or [-7, 7]. ``largest``, one per scale, takes the place of the
    magnitudes that are there.
    """
    limit = levels(bits)
    if largest is None:
        largest = np.abs(weights).max(axis=slice_axes(weights, axis))
    scales = np.maximum(largest.astype(np.float64).reshape(-1), SMALLEST_WEIGHT) / limit
    if bias is not None:
        biases = np.abs(bias).astype(np.float64)
        needed = (biases if axis is not None else biases.max()) / (input_scale * LARGEST_BIAS)
        scales = np.maximum(scales, needed)
    shape = [1] * weights.ndim
    shape[axis or 0] = -1
    stored = round_half_away(weights / scales.reshape(shape))
    kept = tuple(float(scale) for scale in scales.astype(np.float32))
    quantization = Quantization(kept, (0,) * len(kept), axis or 0)
    return np.clip(stored, -limit, limit).astype(np.int8), quantization


def quantized_bias(
    bias: Array, input_scale: float, weights: Quantization
) -> tuple[Array, Quantization]:
    """int32 biases at scale input * weights (a float32 product), divided in float32."""
    scales = np.float32(input_scale) * np.array(weights.scales, np.float32)
    stored = round_half_away(bias.astype(np.float32) / scales).astype(np.float64)
    kept = tuple(float(scale) for scale in scales)
    return (
        np.clip(stored, INT32_MIN, INT32_MAX).astype(np.int32),
        Quantization(kept, (0,) * len(kept)),
    )
