"""What the kernels for Helium share: requantization in vectors, and sums in chunks of 16 products.

VQRDMULH is the doubling high multiplication of the definition: it rounds halves up, and the
definition rounds a product ab with (ab + 2**30) >> 31 for positive and with -((-ab + 2**30 - 1) >>
31) = (ab + 2**30) >> 31 for negative ab. Both saturate the one overflow.

VRSHL rounds halves up, the definition away from zero, which differs for negative ties alone. One
less than a negative value is below the tie and never below the next one, for a shift by n >= 1:
floor((t - 1 + 2**(n-1)) / 2**n) is t / 2**n rounded, halves down. (For t = -2**31, where the
subtraction saturates, there is no tie.) The forms, cheapest first:

``relu``     VRSHL alone. A negative tie comes out as a value too large by one, but at most 0 and
             so at most the zero point z after its addition, where the clamp at ``low = z`` makes
             both z.
``round``    one is subtracted from negative values first; all shifts go right by at least one.
``general``  a shift to the left first, and the subtraction only where the shift goes right.

The zero point is added after saturation to int16 and saturates too: a sum beyond that range lies
beyond int8 in the same direction with or without it, as |z| <= 128.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from tinygen.ir import Array

Form = Literal["relu", "round", "general"]
CHUNK = 16
"""Products that one VMLADAV adds up."""
UNROLL = 8
"""Chunks of a loop body."""
INCLUDES = ("tinygen_mve.h",)


@dataclass(frozen=True)
class Requantizer:
    """How accumulators become int8, for all channels of one layer.

    ``parameters`` are words per output channel, (channels, 2 or 3): multiplier, negative right
    shift, and in the general form the left shift.
    """

    form: Form
    zero_point: int
    low: int
    high: int
    parameters: Array

    @property
    def context(self) -> dict[str, int | str]:
        """What the templates need."""
        return {
            "form": self.form,
            "output_zero_point": self.zero_point,
            "low": self.low,
            "high": self.high,
        }


def requantizer(
    multipliers: Array, shifts: Array, zero_point: int, low: int, high: int
) -> Requantizer:
    """The cheapest exact form.

    ``multipliers`` and ``shifts`` are those of :func:`tinygen.numerics.quantize_multiplier`, one
    per channel; ``low`` and ``high`` the stored values between which the output is clamped.
    """
    columns = [multipliers, np.minimum(shifts, 0)]
    form: Form = "relu" if low == zero_point else "round"
    if np.any(shifts >= 0):
        form = "general"
        columns.append(np.maximum(shifts, 0))
    return Requantizer(form, zero_point, low, high, np.stack(columns, axis=1).astype(np.int32))


def chunks_of(weights: Array) -> Array:
    """Weights (channels, values) as (channels, chunks, CHUNK), filled up with zeros."""
    channels, count = weights.shape
    padded = np.pad(weights.astype(np.int8), ((0, 0), (0, -count % CHUNK)))
    return padded.reshape(channels, -1, CHUNK)


def words(values: Array) -> Array:
    """int8 values as little-endian int32 words, flat; a multiple of four of them."""
    return np.ascontiguousarray(values.astype(np.int8)).reshape(-1).view("<i4").astype(np.int32)


def repeats(chunks: int) -> dict[str, Any]:
    """``chunks`` as 1 + first + loops * unroll: code without a loop where that stays short."""
    rest = chunks - 1
    if rest < 2 * UNROLL:
        return {"first": rest, "loops": 0, "unroll": 0}
    return {"first": rest % UNROLL, "loops": rest // UNROLL, "unroll": UNROLL}
