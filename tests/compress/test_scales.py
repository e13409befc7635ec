"""The formulas, against values that TFLiteConverter of TensorFlow 2.21 gave."""

import numpy as np
import pytest

from tinygen.compress.scales import LARGEST_BIAS, Range, asymmetric, quantized_bias, symmetric


@pytest.mark.parametrize(
    ("low", "high", "scale", "zero_point"),
    [
        (-34.399284, 43.68704, 0.30622086, -16),
        (-4.435973, 6.4513683, 0.042695455, -24),
        (-0.44359732, 6.4513683, 0.02703908, -112),
        (0.0, 4.302399, 0.016872153, -128),
        (3.0666475e-10, 41.62015, 0.16321628, -128),
        (-0.9999122619628906, 0.9999642968177795, 0.0078426525, -1),
        # Halfway between two zero points.
        (-57.75536346435547, 11.226452827453613, 0.27051693201065063, 85),
        (-6.772107124328613, 3.9206933975219727, 0.04193254932761192, 34),
        (-19.116239547729492, 188.31529235839844, 0.8134570121765137, -105),
        (-116.28536987304688, 91.80424499511719, 0.8160377144813538, 14),
        # Nothing but zeros.
        (0.0, 1.1754944e-38, 7.843137e-09, 0),
    ],
)
def test_activation_ranges_as_the_converter_has_them(low, high, scale, zero_point):
    quantization = asymmetric(Range(float(np.float32(low)), float(np.float32(high))))
    assert quantization.scale == np.float32(scale)
    assert quantization.zero_points == (zero_point,)


def test_zero_is_inside_every_range():
    assert asymmetric(Range(2.0, 5.1)) == asymmetric(Range(0.0, 5.1))
    assert asymmetric(Range(-5.1, -2.0)) == asymmetric(Range(-5.1, 0.0))


@pytest.mark.parametrize("seed", range(20))
def test_both_ends_of_a_range_are_within_a_step_of_what_is_stored(seed):
    low, high = np.sort(np.random.default_rng(seed).normal(0, 10, 2))
    quantization = asymmetric(Range(low, high))
    smallest = quantization.scale * (-128 - quantization.zero_point)
    largest = quantization.scale * (127 - quantization.zero_point)
    assert abs(smallest - min(low, 0)) <= quantization.scale / 2 * 1.001
    assert abs(largest - max(high, 0)) <= quantization.scale / 2 * 1.001


def test_halves_of_weights_are_rounded_away_from_zero():
    weights = np.array([[127, 1.5, 2.5, -2.5, -0.5, 0.49]], np.float32) * np.float32(2**-7)
    stored, quantization = symmetric(weights, 0, None, 1.0)
    assert stored.tolist() == [[127, 2, 3, -3, -1, 0]]
    assert quantization.scales == (2**-7,)


def test_tiny_weights_have_the_smallest_scale_of_the_converter():
    weights = np.array([[0.0, 3e-7], [4.9e-7, 0], [6e-7, 0], [0, 0]], np.float32)
    stored, quantization = symmetric(weights, 0, None, 1.0)
    smallest = np.float32(3.9370081e-09)
    assert quantization.scales[:2] == (smallest, smallest)
    assert quantization.scales[2] == np.float32(4.7244098e-09)
    assert stored.tolist() == [[0, 76], [124, 0], [127, 0], [0, 0]]
    assert quantization.scales[3] == smallest


def test_weights_as_a_whole_have_one_scale():
    weights = np.array([[1.0, -2.54], [0.5, 0.0]], np.float32)
    stored, quantization = symmetric(weights, None, None, 1.0)
    assert not quantization.per_channel
    assert stored.tolist() == [[50, -127], [25, 0]]


def test_biases_are_rounded_in_single_precision():
    weights = symmetric(np.full((4, 1), 127 * 2.0**-7, np.float32), 0, None, 1.0)[1]
    bias = np.array([100.0, 2.0, -2.5 / 128, 1.5 / 128], np.float32)
    stored, quantization = quantized_bias(bias, 1 / 128, weights)
    assert stored.tolist() == [1638400, 32768, -320, 192]
    assert quantization.scales == (2**-14,) * 4


@pytest.mark.parametrize("axis", [0, None])
def test_a_bias_that_would_not_fit_makes_the_weights_coarser(axis):
    weights = np.array([[1e-9, 1e-9], [1.0, -1.0]], np.float32)
    bias = np.array([5.0, 0.1], np.float32)
    stored, quantization = symmetric(weights, axis, bias, 1e-6)
    values, _ = quantized_bias(bias, 1e-6, quantization)
    assert np.abs(values).max() <= LARGEST_BIAS * 1.0001
    scales = np.array(quantization.scales).reshape(-1, 1)
    assert np.abs(stored * scales - weights).max() <= scales.max() / 2


def test_ranges_unite():
    assert Range(-1, 2) | Range(0, 3) == Range(-1, 3)
