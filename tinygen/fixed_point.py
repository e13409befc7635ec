"""Transcendental functions in fixed point, bit-exact with gemmlowp, on numpy integers.

A value in Qm.n is an int32 with m integer bits and n = 31 - m fraction bits. Multiplying Qa by Qb
with :func:`saturating_rounding_doubling_high_mul` gives Q(a+b). Formulas: gemmlowp
``fixedpoint.h``, functions of the same names.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinygen.numerics import (
    INT32_MAX,
    INT32_MIN,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)

if TYPE_CHECKING:
    from tinygen.ir import Array


def constant(real: float, integer_bits: int = 0) -> int:
    """A real constant in fixed point, rounded to the nearest, saturated."""
    return min(max(round(real * (1 << (31 - integer_bits))), INT32_MIN), INT32_MAX)


def saturating_multiply_by_pot(x: Array, exponent: int) -> Array:
    """``x * 2**exponent`` for a positive exponent, saturated to 32 bits."""
    saturated: Array = np.clip(x.astype(np.int64) << exponent, INT32_MIN, INT32_MAX)
    return saturated


def exp_on_negative_values(a: Array, integer_bits: int) -> Array:
    """``exp(a)`` in Q0.31 for ``a <= 0`` with at most 5 integer bits.

    The part of ``a`` below a quarter goes through a Taylor polynomial around -1/8; the rest is a
    sum of powers of two, each of which multiplies the result by a constant.
    """
    mul = saturating_rounding_doubling_high_mul
    a = a.astype(np.int64)
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    below_quarter = (a & (quarter - 1)) - quarter
    x = (below_quarter << integer_bits) + constant(1 / 8)
    x2 = mul(x, x)
    x3 = mul(x2, x)
    x4_over_4 = rounding_divide_by_pot(mul(x2, x2), 2)
    tail = rounding_divide_by_pot(mul(x4_over_4 + x3, constant(1 / 3)) + x2, 1)
    at_centre = constant(math.exp(-1 / 8))
    result = at_centre + mul(x + tail, at_centre)
    remainder = below_quarter - a
    for power in range(-2, integer_bits):
        applies = remainder & (1 << (fraction_bits + power))
        result = np.where(applies, mul(result, constant(math.exp(-(2.0**power)))), result)
    return np.where(a == 0, INT32_MAX, result)


def _two_over_one_plus_x(a: Array) -> Array:
    """``2 / (1 + a)`` in Q2.29 for ``a`` in [0, 1) in Q0.31: three Newton-Raphson steps."""
    mul = saturating_rounding_doubling_high_mul
    half_denominator = (a.astype(np.int64) + (1 << 31)) >> 1
    x = constant(48 / 17, 2) + mul(half_denominator, constant(-32 / 17, 2))
    for _ in range(3):
        error = (1 << 29) - mul(half_denominator, x)
        x = x + saturating_multiply_by_pot(mul(x, error), 2)
    return x


def one_over_one_plus_x_for_x_in_0_1(a: Array) -> Array:
    """``1 / (1 + a)`` in Q0.31 for ``a`` in [0, 1) in Q0.31."""
    # Half of a value is the same integer with one integer bit less.
    return saturating_multiply_by_pot(_two_over_one_plus_x(a), 1)


def logistic(a: Array, integer_bits: int) -> Array:
    """``1 / (1 + exp(-a))`` in Q0.31."""
    positive = one_over_one_plus_x_for_x_in_0_1(exp_on_negative_values(-np.abs(a), integer_bits))
    return np.where(a == 0, 1 << 30, np.where(a > 0, positive, INT32_MAX - positive))


def tanh(a: Array, integer_bits: int) -> Array:
    """``tanh(a)`` in Q0.31: ``2 / (1 + exp(-2 |a|)) - 1`` with the sign of ``a``."""
    # Twice a value is the same integer with one integer bit more.
    exp = exp_on_negative_values(-np.abs(a), integer_bits + 1)
    return np.sign(a) * saturating_multiply_by_pot(_two_over_one_plus_x(exp) - (1 << 29), 2)
