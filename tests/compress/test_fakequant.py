"""Values and gradients of single roundings, against their definitions in numpy."""

import importlib.util

import numpy as np
import pytest

from tinygen import data
from tinygen.compress import fakequant
from tinygen.compress.scales import Range, asymmetric, symmetric
from tinygen.ir import Tensor
from tinygen.ops.base import INT8

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("tensorflow") is None,
        reason="TensorFlow is not installed (extra 'train')",
    ),
]


@pytest.fixture(scope="module")
def tf():
    from tinygen.compress.backend import tensorflow

    return tensorflow()


def test_scales_and_zero_points_are_the_exporters(tf):
    random = np.random.default_rng(0)
    ends = np.sort(random.normal(0, 10, (2000, 2)), axis=1).astype(np.float32)
    ends = np.stack([np.minimum(ends[:, 0], 0), np.maximum(ends[:, 1], 0)], axis=1)
    halfway = [(-57.75536346435547, 11.226452827453613), (-1, 1), (0, 1e-9), (0, 0)]
    ends = np.concatenate([ends, np.float32(halfway)])
    scales, zero_points = fakequant.activation_scales(
        tf.constant(ends[:, 0]), tf.constant(ends[:, 1])
    )
    for (low, high), scale, zero_point in zip(
        ends, scales.numpy(), zero_points.numpy(), strict=True
    ):
        wanted = asymmetric(Range(float(low), float(high)))
        assert (float(scale), int(zero_point)) == (wanted.scale, wanted.zero_point)


@pytest.mark.parametrize("span", [(-1.0, 1.0), (0.0, 1.0), (-0.3, 2.0)])
def test_inputs_are_stored_as_the_device_stores_them(tf, span):
    """Among them all pixels of images scaled to [-1, 1], which lie halfway between two steps."""
    x = np.concatenate([np.arange(256) / 127.5 - 1, np.linspace(-2, 2, 999)]).astype(np.float32)
    quantization = asymmetric(Range(*span))
    stored = data.quantize(x, Tensor("x", x.shape, INT8, quantization))
    wanted = (stored.astype(np.float32) - quantization.zero_point) * np.float32(quantization.scale)
    found = fakequant.graph_input(tf.constant(x), *map(tf.constant, span))
    np.testing.assert_array_equal(found, wanted)


def test_gradients_of_an_activation(tf):
    """dy/dx is 1 inside; the ends take what is clipped, and share the rounding errors inside."""
    x = tf.constant([[-3.0, -0.41, 0.2, 0.77, 5.0]])
    upstream = tf.constant([[1.0, 2.0, 3.0, 4.0, 5.0]])
    low, high = tf.constant(-1.0), tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch([x, low, high])
        y = fakequant.activation(x, low, high)
        loss = tf.reduce_sum(y * upstream)
    dx, dlow, dhigh = tape.gradient(loss, [x, low, high])
    np.testing.assert_array_equal(dx, [[0, 2, 3, 4, 0]])
    scale = 3 / 255
    inside = ((y - x).numpy() * [[0, 2, 3, 4, 0]]).sum() / scale / 255
    damping = 1 / np.sqrt(255 * 5)
    np.testing.assert_allclose(dlow, damping * (1 - inside), rtol=1e-4)
    np.testing.assert_allclose(dhigh, damping * (5 + inside), rtol=1e-4)


@pytest.mark.parametrize("bits", [8, 4])
def test_gradients_of_weights(tf, bits):
    limit = 127 if bits == 8 else 7
    w = tf.constant([[0.5, -0.33, 0.9, -2.0]])
    largest = tf.constant([1.0])
    with tf.GradientTape() as tape:
        tape.watch([w, largest])
        y, scales = fakequant.weights(w, 0, None, tf.constant(0.1), bits, largest)
        loss = tf.reduce_sum(y * [1.0, 2.0, 3.0, 4.0])
    dw, dlargest = tape.gradient(loss, [w, largest])
    stored, quantization = symmetric(w.numpy(), 0, None, 0.1, bits, largest.numpy())
    np.testing.assert_array_equal(y, stored * np.float32(quantization.scales))
    np.testing.assert_array_equal(scales, np.float32(quantization.scales))
    np.testing.assert_allclose(dw, [[1, 2, 3, 0]], rtol=1e-6)
    steps = w.numpy() * limit
    error = np.where(np.abs(steps) <= limit, stored - steps, -limit)
    np.testing.assert_allclose(dlargest, [(error / limit * [1, 2, 3, 4]).sum()], rtol=1e-4)


def test_without_a_learned_end_every_weight_gets_its_gradient(tf):
    w = tf.constant(np.random.default_rng(0).normal(size=(50, 9)).astype(np.float32))
    with tf.GradientTape() as tape:
        tape.watch(w)
        y, _ = fakequant.weights(w, 0, None, tf.constant(0.1), 8, None)
        loss = tf.reduce_sum(y)
    np.testing.assert_allclose(tape.gradient(loss, w), np.ones((50, 9)), rtol=1e-6)


def test_halves_are_rounded_away_from_zero(tf):
    x = np.array([0.5, -0.5, 2.5, -2.5, 0.49999997, -0.49999997, 8388609.0, 0.0], np.float32)
    wanted = [1, -1, 3, -3, 0, 0, 8388609, 0]
    np.testing.assert_array_equal(fakequant.round_half_away(tf.constant(x)), wanted)
