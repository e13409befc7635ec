"""What the kernels for cores with the DSP extension share: requantization in few instructions.

With ``a`` the accumulator, ``m`` the multiplier and ``n`` the right shift, the two roundings are
SRDHM(a, m) = SMMULR(2a, m), because (2am + 2**31) >> 32 = (am + 2**30) >> 31, and
RDBPOT(t, n) = (t + sign(t) + 2**(n-1)) >> n with sign(t) = -1 for negative t. The output zero
point z joins as z << n before the shift, which shifts out exactly.

The forms, cheapest first:

``relu``     SMMLAR(2a, m, 2**(n-1) + (z << n)) >> n. The correction for negative ties is left out:
             it only matters for t < 0, whose result lies below z, where the clamp at ``low = z``
             makes it z either way (a tie that rounds to z instead of z - 1 is clamped to z too).
``round``    t = SMMULR(2a, m); (t + sign(t) + 2**(n-1) + (z << n)) >> n.
``general``  tg_requantize, for left shifts, shifts by zero, and accumulators that do not double.

Both fast forms need |2a| < 2**31, 1 <= n <= 22, and sums that fit: |t| <= |a| < 2**30, and
2**(n-1) + |z| << n < 2**30.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tinygen.numerics import wrap_int32

if TYPE_CHECKING:
    from tinygen.ir import Array

Form = Literal["relu", "round", "general"]
_LARGEST_SHIFT = 22


@dataclass(frozen=True)
class Requantizer:
    """How accumulators become int8, for all channels of one layer.

    ``parameters`` are three words per output channel, (channels, 3): multiplier, addend, shift.
    ``doubled`` says that the kernel must hand over 2a instead of a.
    """

    form: Form
    low: int
    high: int
    parameters: Array

    @property
    def doubled(self) -> bool:
        """Whether the form takes twice the accumulator."""
        return self.form != "general"

    @property
    def context(self) -> dict[str, int | str]:
        """What the templates need."""
        return {"form": self.form, "low": self.low, "high": self.high}


def requantizer(
    multipliers: Array, shifts: Array, bound: int, zero_point: int, low: int, high: int
) -> Requantizer:
    """The cheapest form that is exact for accumulators of magnitude up to ``bound``.

    ``multipliers`` and ``shifts`` are those of :func:`tinygen.numerics.quantize_multiplier`, one
    per channel; ``low`` and ``high`` the stored values between which the output is clamped.
    """
    right = -shifts.astype(np.int64)
    fast = bound < 1 << 30 and bool(np.all((right >= 1) & (right <= _LARGEST_SHIFT)))
    if not fast:
        addend = np.full_like(multipliers, zero_point)
        return Requantizer("general", low, high, _words(multipliers, addend, shifts))
    addend = (np.int64(1) << (right - 1)) + (np.int64(zero_point) << right)
    form: Form = "relu" if low == zero_point else "round"
    return Requantizer(form, low, high, _words(multipliers, addend, right))


def accumulator_bound(weights: Array, bias: Array) -> int:
    """Largest magnitude of bias + sum(w * x), x in int8; ``weights`` is (channels, taps)."""
    sums = np.abs(weights.astype(np.int64)).sum(axis=1) * 128 + np.abs(bias.astype(np.int64))
    return int(sums.max(initial=0))


def pair_words(low: Array, high: Array) -> Array:
    """int16 pairs as int32 words, ``low`` in the low half."""
    word = (high.astype(np.int64) << 16) | (low.astype(np.int64) & 0xFFFF)
    return wrap_int32(word).astype(np.int32)


PAIRED_LIMIT = 1 << 23
"""What the magnitude of accumulators of :func:`paired_words` must stay below."""


def pairs_up(weights: Array, bound: int) -> bool:
    """Whether :func:`paired_words` can store these weights, of accumulators up to ``bound``."""
    first, second = weights[..., 0::2].astype(np.int64), weights[..., 1::2].astype(np.int64)
    return bound < PAIRED_LIMIT and bool(np.all(256 * first + second >= -(1 << 15)))


def paired_words(weights: Array) -> Array:
    """int8 weights, (outputs, 4 k), as int32 words of two numbers 256 w0 + w1 and 256 w2 + w3.

    One SXTB16 less per word than plain int8. With the bytes of four inputs x as they lie in memory,
    p = (x0, x2) = SXTB16(x), and q = x ^ 0x007F007F = (256 x1 + 127 - x0, 256 x3 + 127 - x2), since
    x0 ^ 0x7F as an unsigned byte is 127 - x0. Both fit int16. With W such a word,

        SMLAD(W, p) + SMLAD(SXTB16(W), q)
            = (256 w0 + w1) x0 + w1 (256 x1 + 127 - x0) + the same of w2, w3
            = 256 (w0 x0 + w1 x1 + w2 x2 + w3 x3) + 127 (w1 + w3).

    The last term is constant and goes into the bias, :func:`paired_bias`. The rest is 256 times the
    sum, modulo 2**32, from which an arithmetic shift gives the sum where it is below 2**23.
    """
    numbers = 256 * weights[:, 0::2].astype(np.int64) + weights[:, 1::2]
    return pair_words(numbers[:, 0::2], numbers[:, 1::2])


def paired_bias(bias: Array, weights: Array) -> Array:
    """The biases that sums over :func:`paired_words` start from."""
    constant = 127 * weights[:, 1::2].sum(axis=1, dtype=np.int64)
    return wrap_int32(256 * bias.astype(np.int64) - constant).astype(np.int32)


def quad_words(values: Array) -> Array:
    """int8 quads along the last axis as little-endian int32 words."""
    return np.ascontiguousarray(values.astype(np.int8)).view("<i4").astype(np.int32)


def _words(*columns: Array) -> Array:
    return np.stack(columns, axis=1).astype(np.int32)
