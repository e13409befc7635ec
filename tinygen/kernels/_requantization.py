"""Per-channel requantization as kernels bake it in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels.base import Constant
from tinygen.numerics import wrap_int32

if TYPE_CHECKING:
    from tinygen.ir import Array


@dataclass(frozen=True)
class Requantization:
    """Constants and the C helper that applies them to an accumulator.

    Where every shift goes to the right by at least one, the stored shifts are the positive right
    shifts that ``tg_requantize_right`` takes; otherwise they are signed, for ``tg_requantize``.
    """

    function: str
    constants: tuple[Constant, Constant]

    @classmethod
    def per_channel(cls, multipliers: Array, shifts: Array) -> Requantization:
        """From multipliers and shifts of :func:`tinygen.numerics.quantize_multiplier`."""
        right_only = bool(np.all(shifts <= -1))
        stored = -shifts if right_only else shifts
        return cls(
            "tg_requantize_right" if right_only else "tg_requantize",
            (
                Constant("multipliers", multipliers.astype(np.int32), "requantization multipliers"),
                Constant(
                    "shifts",
                    stored.astype(np.int32),
                    "requantization right shifts" if right_only else "requantization shifts",
                ),
            ),
        )


def fold_zero_point(bias: Array, weight_sums: Array, zero_point: int) -> Array:
    """The bias with the input's zero point taken in, ``bias - zero_point * sum(weights)``.

    Exact where every weight meets an input value: sum (x - z) w + b = sum x w + (b - z sum w).
    All arithmetic wraps in 32 bits, as the accumulator does.
    """
    folded = bias.astype(np.int64) - zero_point * weight_sums.astype(np.int64)
    return wrap_int32(folded).astype(np.int32)
