"""Ends of ranges, against what a search over everything finds."""

import numpy as np
import pytest

from tinygen.compress.clipping import BINS, Histogram, best_largest, least_error, percentile
from tinygen.compress.scales import Range, asymmetric, symmetric


def seen(values):
    span = Range(float(values.min()), float(values.max()))
    # In two parts, as batches come.
    return Histogram.empty(span).with_values(values[::2]).with_values(values[1::2])


def squared_error(values, span):
    quantization = asymmetric(span)
    stored = np.clip(np.rint(values / quantization.scale) + quantization.zero_point, -128, 127)
    return np.mean(((stored - quantization.zero_point) * quantization.scale - values) ** 2)


def test_a_histogram_counts_all_but_zeros():
    histogram = seen(np.array([0.0, 0.0, 1.0, 2.0, -1.0]))
    assert histogram.counts.sum() == 3
    assert len(histogram.edges) == BINS + 1
    assert (histogram.edges[0], histogram.edges[-1]) == (-1, 2)


@pytest.mark.parametrize("seed", range(3))
def test_percentile_leaves_out_the_tails(seed):
    values = np.random.default_rng(seed).normal(0, 1, 400_000).astype(np.float32)
    values[:4] = (90, 100, -95, -100)
    found = percentile(seen(values))
    low, high = np.quantile(values, [5e-5, 1 - 5e-5])
    width = 200 / BINS
    assert low - 2 * width <= found.low <= low + width
    assert high - width <= found.high <= high + 2 * width


def test_percentile_keeps_ends_that_are_well_filled():
    assert percentile(seen(np.repeat([-1.0, 1.0], 500))) == Range(-1, 1)


@pytest.mark.parametrize("clip", [percentile, least_error])
def test_an_activation_that_is_always_zero(clip):
    found = clip(seen(np.zeros(100)))
    assert (found.low, found.high) == (0, 0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rectified", [False, True])
def test_least_error_is_near_the_least_there_is(seed, rectified):
    values = np.random.default_rng(seed).standard_t(3, 50_000)
    values = np.maximum(values, 0) if rectified else values
    found = least_error(seen(values))
    errors = [
        squared_error(values, Range(values.min() * a, values.max() * b))
        for a in np.linspace(0.2, 1, 21)
        for b in np.linspace(0.2, 1, 21)
    ]
    assert squared_error(values, found) <= 1.05 * min(errors)
    assert squared_error(values, found) < squared_error(values, Range(values.min(), values.max()))


def test_least_error_clips_nothing_that_fills_its_range():
    found = least_error(seen(np.linspace(-1, 1, 10_000)))
    assert (found.low, found.high) == (-1, 1)


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("axis", [0, 3, None])
def test_clipped_weights_lose_less(bits, axis):
    weights = np.random.default_rng(1).standard_t(4, (6, 3, 3, 8)).astype(np.float32)

    def loss(largest):
        stored, quantization = symmetric(weights, axis, None, 1.0, bits, largest)
        shape = [1] * 4
        shape[axis or 0] = -1
        real = stored * np.array(quantization.scales).reshape(shape)
        return (real - weights) ** 2

    largest = best_largest(weights, axis, bits)
    assert largest.dtype == np.float32
    over = tuple(i for i in range(4) if i != axis)
    plain, clipped = loss(None).sum(axis=over), loss(largest).sum(axis=over)
    assert (clipped <= plain * 1.0001).all()
    # 255 steps are enough for these tails.
    assert clipped.sum() <= plain.sum() * (0.9 if bits == 4 else 1)


def test_weights_of_4_bits_have_15_values():
    weights = np.linspace(-1, 1, 301, dtype=np.float32).reshape(1, -1)
    stored, quantization = symmetric(weights, 0, None, 1.0, 4)
    assert sorted(set(stored.ravel().tolist())) == list(range(-7, 8))
    assert quantization.scales == (float(np.float32(1 / 7)),)
    clipped, _ = symmetric(weights, 0, None, 1.0, 4, np.array([0.5], np.float32))
    assert (clipped[np.abs(weights) > 0.5] == np.sign(weights[np.abs(weights) > 0.5]) * 7).all()
