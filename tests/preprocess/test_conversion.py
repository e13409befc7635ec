"""The definitions against exact rational arithmetic, and against how samples are quantized."""

import math
from fractions import Fraction

import numpy as np
import pytest

from tinygen import data
from tinygen.errors import ConfigError
from tinygen.ir import Quantization
from tinygen.ops.base import quantized
from tinygen.preprocess.conversion import Conversion

EVERY = np.arange(-(1 << 15), 1 << 15).astype(np.int16)


def conversion(raw, scale, offset=0.0, step=0.02, zero_point=-3):
    given = (scale, offset) if isinstance(scale, tuple) else ((scale,), (offset,))
    return Conversion(raw, *given, Quantization((float(np.float32(step)),), (zero_point,)))


def exactly(made, raw, channel=0):
    """Of Python numbers without any rounding but the last."""
    real = Fraction(made.scales[channel]) * (raw - Fraction(made.offsets[channel]))
    steps = real / Fraction(made.input.scale)
    whole = math.floor(abs(steps) + Fraction(1, 2))
    return min(max((whole if steps >= 0 else -whole) + made.input.zero_point, -128), 127)


@pytest.mark.parametrize(
    ("scale", "offset", "step", "zero_point"),
    [
        (1 / 4096, 0.0, 0.02, 0),
        (0.00037, 10_000.3, 0.031, -128),
        (-0.001, -77.5, 0.05, 127),
        (1.0, 32_000.0, 1 / 3, 5),
        (1e-9, 0.0, 0.01, 4),
        (0.5, 0.25, 2**-16, 0),
        (0.25, 0.0, 0.5, 3),  # every other value is a tie
        (-0.25, 1.0, 0.5, 3),
    ],
)
def test_every_int16_value_is_rounded_once(scale, offset, step, zero_point):
    made = conversion("int16", scale, offset, step, zero_point)
    found = made.stored(EVERY)
    step_values = [exactly(made, int(raw)) for raw in EVERY[::7]]
    assert found.dtype == np.int8
    assert (found[::7] == step_values).all()


def test_fixed_point_stays_in_its_bounds():
    for scale, offset in ((3e-12, 0.0), (655.0, 32_767.0), (-655.0, -32_768.0), (0.02, 3.0)):
        (fixed,) = conversion("int16", scale, offset).fixed_point
        assert abs(fixed.multiplier) < 1 << 31
        assert 15 <= fixed.shift <= 40
        assert abs(fixed.bias) < 1 << 49
        steps = fixed.steps(EVERY)
        assert abs(steps).max() < 1 << 31


@pytest.mark.parametrize("raw", ["uint8", "float32"])
def test_uint8_and_float32_are_what_quantizing_samples_gives(raw):
    made = conversion(raw, (0.017, 1 / 255), (128.0, -3.5))
    x = np.repeat(np.arange(256)[:, np.newaxis], 2, axis=1)
    x = x.astype(np.uint8) if raw == "uint8" else (x * 1.37 - 60).astype(np.float32)
    real = (x.astype(np.float32) - np.float32(made.offsets)) * np.float32(made.scales)
    tensor = quantized("x", (1, 2), made.input.scale, made.input.zero_point)
    assert made.stored(x).tolist() == data.quantize(real, tensor).tolist()


def test_floats_that_are_no_numbers_saturate():
    made = conversion("float32", 0.5)
    given = np.array([np.inf, -np.inf, np.nan, 3e38, -0.0], np.float32)
    assert made.stored(given).tolist() == [127, -128, -128, 127, -3]


@pytest.mark.parametrize("scale", [0.0, 1e30, 5e-324])
def test_a_scale_without_use_is_refused(scale):
    with pytest.raises(ConfigError, match="channel 0: scale"):
        conversion("int16", scale)


@pytest.mark.parametrize(("raw", "offset"), [("uint8", 2000.0), ("int16", -1e9)])
def test_an_offset_that_leaves_one_value_is_refused(raw, offset):
    with pytest.raises(ConfigError, match="same saturated one"):
        conversion(raw, 0.02, offset)
