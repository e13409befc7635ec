"""Where to clip so that what is lost by clipping and by rounding is least."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.compress.scales import Range, levels, slice_axes

if TYPE_CHECKING:
    from tinygen.ir import Array

BINS = 2048

TAIL = 5e-5
"""What :func:`percentile` leaves out at each end: 99.99 % of the values are inside."""

_FRACTIONS = np.linspace(1, 0.2, 81)


@dataclass(frozen=True)
class Histogram:
    """How often an activation lies in each of :data:`BINS` equal parts of its span.

    Zeros are left out: every range represents them exactly, and after a ReLU they are half of all.
    """

    span: Range
    counts: Array

    @staticmethod
    def empty(span: Range) -> Histogram:
        """Nothing seen yet of values within the span."""
        return Histogram(span, np.zeros(BINS, np.int64))

    def with_values(self, values: Array) -> Histogram:
        """With more values counted; those outside the span are not."""
        found, _ = np.histogram(values[values != 0], BINS, (self.span.low, self.span.high))
        return Histogram(self.span, self.counts + found)

    @property
    def edges(self) -> Array:
        """The BINS + 1 ends of the bins."""
        return np.linspace(self.span.low, self.span.high, BINS + 1)


def percentile(seen: Histogram) -> Range:
    """The range without the :data:`TAIL` of smallest and of largest values, to a bin's width."""
    total = seen.counts.sum()
    if not total:
        return seen.span
    below = np.cumsum(seen.counts)
    low = np.searchsorted(below, TAIL * total, side="right")
    high = np.searchsorted(below, total - TAIL * total, side="left")
    return Range(float(seen.edges[low]), float(seen.edges[high + 1]))


def least_error(seen: Histogram) -> Range:
    """The range with the least expected squared error.

    Both ends are tried at 81 fractions of the span from zero, 1 down to 0.2, in all combinations. A
    value inside has the error of rounding, step**2 / 12 on average; one outside its distance from
    the end.
    """
    low, high = min(seen.span.low, 0.0), max(seen.span.high, 0.0)
    centers = (seen.edges[:-1] + seen.edges[1:]) / 2
    lows, highs = _FRACTIONS * low, _FRACTIONS * high
    under = np.maximum(lows[:, np.newaxis] - centers, 0)
    over = np.maximum(centers - highs[:, np.newaxis], 0)
    outside = (under > 0) @ seen.counts, (over > 0) @ seen.counts
    inside = seen.counts.sum() - outside[0][:, np.newaxis] - outside[1]
    steps = (highs - lows[:, np.newaxis]) / 255
    errors = (
        inside * steps**2 / 12 + (under**2 @ seen.counts)[:, np.newaxis] + over**2 @ seen.counts
    )
    first, second = np.unravel_index(np.argmin(errors), errors.shape)
    return Range(float(lows[first]), float(highs[second]))


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
