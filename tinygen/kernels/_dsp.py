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


def quad_words(values: Array) -> Array:
    """int8 quads along the last axis as little-endian int32 words."""
    return np.ascontiguousarray(values.astype(np.int8)).view("<i4").astype(np.int32)


def _words(*columns: Array) -> Array:
    return np.stack(columns, axis=1).astype(np.int32)
