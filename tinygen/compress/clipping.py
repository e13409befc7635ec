"""Where to clip weights so that what is lost by clipping and by rounding is least."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.compress.scales import levels, slice_axes

if TYPE_CHECKING:
    from tinygen.ir import Array

_FRACTIONS = np.linspace(1, 0.2, 81)


def best_largest(weights: Array, axis: int | None, bits: int) -> Array:
    """Magnitudes to clip weights to, one per slice along ``axis``, float32.

    Of 81 fractions of the largest magnitude, from 1 down to 0.2, the one with the least squared
    error; on a tie the larger one.
    """
    over = slice_axes(weights, axis)
    largest = np.abs(weights).max(axis=over, keepdims=True)
    errors = []
    for fraction in _FRACTIONS:
        step = np.maximum(fraction * largest, np.finfo(np.float32).tiny) / levels(bits)
        stored = np.clip(np.rint(weights / step), -levels(bits), levels(bits))
        errors.append(((stored * step - weights) ** 2).sum(axis=over).reshape(-1))
    best: Array = _FRACTIONS[np.argmin(errors, axis=0)] * largest.reshape(-1)
    return best.astype(np.float32)
