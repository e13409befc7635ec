"""Fixed-point arithmetic of the numeric profile, on numpy integers.

The profile is int8 as in the TFLite quantization specification, with the arithmetic of TFLite
Micro: every requantization rounds twice, once in the doubling high multiply and once in the right
shift. Sources of the formulas are named function by function; gemmlowp is the fixed-point library
in which they were first written down.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tinygen.ir import Array, Quantization


INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Split a positive real factor into ``multiplier * 2**(shift - 31)``, as (multiplier, shift).

    The multiplier lies in [2**30, 2**31). Formula: TFLite ``QuantizeMultiplier``: the fraction of
    ``frexp`` is rounded half away from zero; factors below 2**-31 become zero.
    """
    if real == 0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * (1 << 31) + 0.5)
    if multiplier == 1 << 31:
        multiplier //= 2
        shift += 1
    if shift < -31:
        return 0, 0
    if shift > 30:
        return INT32_MAX, 30
    return multiplier, shift


def saturating_rounding_doubling_high_mul(a: Array, b: Array | int) -> Array:
    """High word of ``2 * a * b``, rounded half away from zero (gemmlowp function of this name).

    Operands are int32 values in int64 arrays. The one overflow, both operands -2**31, saturates.
    """
    product = a.astype(np.int64) * np.asarray(b, np.int64)
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    # C division truncates; an arithmetic shift would floor.
    high = np.where(nudged >= 0, nudged >> 31, -((-nudged) >> 31))
    return np.where(high < INT32_MAX, high, INT32_MAX)


def rounding_divide_by_pot(x: Array, exponent: Array | int) -> Array:
    """``x / 2**exponent`` rounded half away from zero (gemmlowp ``RoundingDivideByPOT``)."""
    x = x.astype(np.int64)
    exponent = np.asarray(exponent, np.int64)
    mask = (np.int64(1) << exponent) - 1
    remainder = x & mask
    threshold = (mask >> 1) + (x < 0)
    quotient: Array = (x >> exponent) + (remainder > threshold)
    return quotient


def wrap_int32(x: Array) -> Array:
    """Reduce int64 values to what a 32-bit two's complement register would hold."""
    return ((x + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


def requantize(x: Array, multiplier: Array | int, shift: Array | int) -> Array:
    """``x * multiplier * 2**(shift - 31)`` with double rounding, as int64 holding int32 values.

    ``multiplier`` and ``shift`` broadcast against ``x``; a positive shift is applied to ``x``
    before the multiplication, in 32 bits. Formula: TFLite ``MultiplyByQuantizedMultiplier``
    without TFLITE_SINGLE_ROUNDING.
    """
    shift = np.asarray(shift, np.int64)
    left = wrap_int32(x.astype(np.int64) << np.maximum(shift, 0))
    return rounding_divide_by_pot(
        saturating_rounding_doubling_high_mul(left, multiplier), np.maximum(-shift, 0)
    )


def round_half_away(x: Any) -> Any:
    """C ``round``: to the nearest integer, halves away from zero (numpy rounds them to even)."""
    x = np.asarray(x)
    whole = np.trunc(x)
    # Adding one half and truncating would round the float just below one half upwards.
    return whole + np.where(np.abs(x - whole) >= 0.5, np.copysign(x.dtype.type(1), x), 0)


def activation_range(activation: str, quantization: Quantization) -> tuple[int, int]:
    """Stored int8 values between which a fused activation clamps.

    ``activation`` is NONE, RELU, RELU_N1_TO_1 or RELU6. Formula: TFLite
    ``CalculateActivationRangeQuantized``; the real bound is divided by the scale in float32.
    """
    low, high = -128, 127

    def stored(real: float) -> int:
        steps = round_half_away(np.float32(real) / np.float32(quantization.scale))
        return quantization.zero_point + int(steps)

    if activation in ("RELU", "RELU6"):
        low = max(low, stored(0.0))
    if activation == "RELU6":
        high = min(high, stored(6.0))
    if activation == "RELU_N1_TO_1":
        low, high = max(low, stored(-1.0)), min(high, stored(1.0))
    return low, high


def window_padding(
    size: int, window: int, stride: int, dilation: int, padding: str
) -> tuple[int, int]:
    """Output length and padding before the first element along one axis of a sliding window.

    Formula: TFLite ``ComputePaddingHeightWidth``: SAME puts the odd element behind.
    """
    effective = (window - 1) * dilation + 1
    if padding == "VALID":
        return (size - effective) // stride + 1, 0
    length = -(-size // stride)
    return length, max((length - 1) * stride + effective - size, 0) // 2
