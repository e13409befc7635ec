"""Values that only int8 can hold, as float32 that TensorFlow can differentiate.

The forward values are the exporter's (:mod:`tinygen.compress.scales`), operation for operation, so
that what is exported after training is what training has seen. Backwards, rounding counts as the
identity (straight-through estimator) and a scale gets the gradient of "Learned step size
quantization" (Esser et al., ICLR 2020, eq. 3): the rounding error where a value is inside the
range, its end where the value is clipped.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.compress.backend import tensorflow
from tinygen.compress.scales import LARGEST_BIAS, SMALLEST_RANGE, SMALLEST_WEIGHT, levels

_LOW, _HIGH = -128, 127


def activation_scales(low: Any, high: Any) -> tuple[Any, Any]:
    """Scales and zero points of ranges that hold zero, float32 values of one shape.

    Formula: :func:`tinygen.compress.scales.asymmetric`.
    """
    tf = tensorflow()
    narrow = high - low < np.float32(SMALLEST_RANGE)
    low = tf.where(narrow, -np.float32(SMALLEST_RANGE), low)
    high = tf.where(narrow, np.float32(SMALLEST_RANGE), high)
    scale = (high - low) / np.float32(255)
    exact = _LOW - tf.cast(low, tf.float64) / tf.cast(scale, tf.float64)
    zero_point = round_half_away(tf.cast(exact, tf.float32))
    return scale, tf.clip_by_value(zero_point, _LOW, _HIGH)


def activation(x: Any, low: Any, high: Any) -> Any:
    """``x`` on the 256 steps of a range of two scalars; gradients for all three."""
    tf = tensorflow()
    damping = 1 / np.sqrt(255 * np.prod(x.shape[1:], dtype=float))

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def quantized(x: Any, low: Any, high: Any) -> Any:
        scale, zero_point = activation_scales(low, high)
        # Ends that are whole steps from zero leave the operator no zero point of its own to find.
        first, last = (_LOW - zero_point) * scale, (_HIGH - zero_point) * scale
        y = tf.quantization.fake_quant_with_min_max_vars(x, first, last)

        def gradient(upstream: Any) -> tuple[Any, Any, Any]:
            dx, below, above = tf.quantization.fake_quant_with_min_max_vars_gradient(
                upstream, x, first, last
            )
            rounding = tf.reduce_sum(dx * (y - x)) / (255 * scale)
            return dx, damping * (below - rounding), damping * (above + rounding)

        return y, gradient

    return quantized(x, low, high)


def graph_input(x: Any, low: Any, high: Any) -> Any:
    """``x`` as an input that :func:`tinygen.data.quantize` has stored; the range is a constant.

    Images scaled to [-1, 1] lie half between two steps, all of them, and TensorFlow's operator
    rounds negative halves the other way.
    """
    tf = tensorflow()
    scale, zero_point = activation_scales(low, high)
    stored = tf.clip_by_value(round_half_away(x / scale) + zero_point, _LOW, _HIGH)
    return _straight_through(x, (stored - zero_point) * scale)


def weights(
    values: Any, axis: int | None, bias: Any, input_scale: Any, bits: int, largest: Any | None
) -> tuple[Any, Any]:
    """Weights on the grid of :func:`tinygen.compress.scales.symmetric`, and their scales.

    ``largest`` (one per scale) gets a gradient; without it, the largest magnitudes are taken as
    constants, and every weight gets its full gradient. Scales have shape (channels,) or (1,).
    """
    tf = tensorflow()
    limit = levels(bits)
    over = [i for i in range(len(values.shape)) if i != axis]
    if largest is None:
        largest = tf.stop_gradient(tf.reduce_max(tf.abs(values), over))
    scales = tf.maximum(tf.cast(tf.reshape(largest, (-1,)), tf.float64), SMALLEST_WEIGHT) / limit
    if bias is not None:
        biases = tf.abs(tf.cast(tf.stop_gradient(bias), tf.float64))
        needed = biases if axis is not None else tf.reduce_max(biases)
        step = tf.cast(tf.stop_gradient(input_scale), tf.float64) * LARGEST_BIAS
        scales = tf.maximum(scales, needed / step)
    shape = [1] * len(values.shape)
    shape[axis or 0] = -1
    spread = tf.reshape(scales, shape)
    # A quarter of a step is allowed for: the largest weight itself must not count as clipped.
    most = limit + 0.25
    steps = tf.clip_by_value(tf.cast(values, tf.float64) / spread, -most, most)
    stored = tf.cast(_straight_through(steps, round_half_away(steps)), tf.float32)
    return stored * tf.cast(spread, tf.float32), tf.cast(scales, tf.float32)


def bias(values: Any, input_scale: Any, scales: Any) -> Any:
    """Biases on the grid of :func:`tinygen.compress.scales.quantized_bias`."""
    tf = tensorflow()
    step = tf.stop_gradient(input_scale * scales)
    return _straight_through(values, round_half_away(values / step) * step)


def damped(value: Any, elements: float, bits: int) -> Any:
    """The value; its gradient divided by the square root of elements * levels.

    A range sums what all elements ask of it; this keeps its steps, relative to its size, near
    those of a weight (Esser et al., section 2.2).
    """
    tf = tensorflow()
    factor = 1 / np.sqrt(elements * levels(bits))

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def same(value: Any) -> Any:
        return tf.identity(value), lambda upstream: upstream * factor

    return same(value)


def round_half_away(x: Any) -> Any:
    """To the nearest whole number, halves away from zero, as C's ``round``."""
    tf = tensorflow()
    size = tf.abs(x)
    whole = tf.floor(size)
    # Adding one half and taking the floor would round the float just below one half upwards.
    return tf.sign(x) * (whole + tf.cast(size - whole >= 0.5, x.dtype))


def _straight_through(x: Any, rounded: Any) -> Any:
    """``rounded``, with the gradient of ``x``."""
    tf = tensorflow()

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def swapped(x: Any, rounded: Any) -> Any:
        return tf.identity(rounded), lambda upstream: (upstream, None)

    return swapped(x, tf.stop_gradient(rounded))
