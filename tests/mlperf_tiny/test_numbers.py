"""How the firmware shows and quantizes floats, against printf and numpy."""

import subprocess

import loopback
import numpy as np
import pytest

from tinygen import paths, toolchain


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What the firmware makes of float32: text, and an int8 at scale 0.375, zero point -11."""
    program = tmp_path_factory.mktemp("numbers") / "numbers"
    folder = paths.FIRMWARE / "mlperf_tiny"
    sources = [folder / "text.c", folder / "numbers.c", loopback.HOST / "numbers" / "main.c"]
    flags = ["-std=c11", "-g", "-O1", *toolchain.WARNINGS, *loopback.SANITIZERS]
    includes = [f"-I{folder}", f"-I{paths.FIRMWARE / 'include'}"]
    compiler = toolchain.host_compiler()
    toolchain.run([compiler, *flags, *includes, *sources, "-o", program], "the numbers")

    def run(values):
        given = np.asarray(values, "<f4").tobytes()
        done = subprocess.run([program], input=given, capture_output=True, check=True)
        return [(text, int(value)) for text, value in map(bytes.split, done.stdout.splitlines())]

    return run


def values():
    rng = np.random.default_rng(3)
    patterns = rng.integers(0, 1 << 32, 20_000, np.uint32).view(np.float32)
    near = rng.normal(0, 60, 20_000).astype(np.float32)
    ties = (np.arange(-4000, 4000) / 16).astype(np.float32)  # half of a thousandth among them
    steps = (np.arange(-800, 800) * 0.1875).astype(np.float32)  # half-way between int8 values
    edges = [
        0,
        -0.0,
        0.0005,
        0.00049999997,
        0.4995,
        0.9995,
        8388607.5,
        8388608,
        16777216,
        3.4028235e38,
    ]
    special = [np.nan, np.inf, -np.inf, 1e-45, -1e-45, 1.1754944e-38]
    return np.concatenate([patterns, near, ties, steps, np.array(edges + special, np.float32)])


def test_floats_are_shown_as_printf_does(shown):
    given = values()
    for value, (text, _) in zip(given, shown(given), strict=True):
        expected = "nan" if np.isnan(value) else f"{value:.3f}"
        assert text.decode() == expected, value.hex()


def test_floats_are_quantized_half_away_from_zero(shown):
    given = values()
    scale = np.float32(0.375)
    with np.errstate(invalid="ignore", over="ignore"):
        steps = (given / scale).astype(np.float64)
        rounded = np.sign(steps) * np.floor(np.abs(steps) + 0.5)
    expected = np.where(np.isnan(steps), -11, np.clip(rounded - 11, -128, 127)).astype(int)
    assert [stored for _, stored in shown(given)] == expected.tolist()
