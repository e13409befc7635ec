"""What becomes of a raw value, exactly: the definitions that the generated C is held against.

A real value is ``scale * (raw - offset)`` of its channel; stored is
``zero_point + round(real / step)``, saturated to int8, ties rounded away from zero, where step and
zero point are those of the network's input. What differs is where that is rounded on the way:

- float32: every operation in float32, as :func:`tinygen.data.quantize` does it on samples.
- uint8: the same, for all 256 raw values when the code is generated.
- int16: ``scale / step`` as a 31-bit multiplier and ``-offset * scale / step`` as a 64-bit bias,
  both in units of ``2**-shift``; the sum is exact, and rounded once.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import numpy as np

from tinygen.errors import ConfigError

if TYPE_CHECKING:
    from tinygen.ir import Array, Quantization

RawType = Literal["uint8", "int16", "float32"]

_MAX_SHIFT = 40  # raw values have 16 bits: this leaves an error of 2**-25 steps
_MAX_FACTOR = 1 << 15  # steps of the input per raw one; from 256 on, two raw values saturate
_INT8 = np.iinfo(np.int8)
_BEYOND = 256.0  # steps, after which the result saturates whatever the zero point is


@dataclass(frozen=True)
class FixedPoint:
    """``steps = (raw * multiplier + bias) / 2**shift`` for one channel of int16 values.

    |multiplier| <= 2**31 - 1, 15 <= shift <= 40, |bias| < 2**49; so |raw * multiplier + bias| is
    below 2**50, and the rounded steps are below 2**31.
    """

    multiplier: int
    bias: int
    shift: int

    @classmethod
    def of(cls, factor: Fraction, offset: Fraction) -> FixedPoint:
        """The nearest to ``factor * (raw - offset)``, with |factor| at most 2**15."""
        shift = _MAX_SHIFT
        while round(abs(factor) * (1 << shift)) >= 1 << 31:
            shift -= 1
        return cls(round(factor * (1 << shift)), round(-offset * factor * (1 << shift)), shift)

    def steps(self, raw: Array) -> Array:
        """Rounded steps of raw values, int64; ties go away from zero."""
        total = raw.astype(np.int64) * self.multiplier + self.bias
        return np.asarray((total + (1 << (self.shift - 1)) - (total < 0)) >> self.shift)


@dataclass(frozen=True)
class Conversion:
    """How the raw values of an input become int8; one scale and offset per channel."""

    raw: RawType
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    input: Quantization

    def __post_init__(self) -> None:
        for channel, (scale, offset) in enumerate(zip(self.scales, self.offsets, strict=True)):
            where = f"[preprocess], channel {channel}"
            factor = abs(scale / self.input.scale)
            if not 0 < factor <= _MAX_FACTOR or not np.float32(scale):
                raise ConfigError(
                    f"{where}: scale {scale} makes {factor:g} steps of the network's input of one "
                    f"raw step; give a scale other than 0 that makes at most {_MAX_FACTOR}"
                )
            if self.raw == "float32":
                continue
            limits = np.iinfo(self.raw)
            ends = [scale * (raw - offset) / self.input.scale for raw in (limits.min, limits.max)]
            low, high = (end + self.input.zero_point for end in sorted(ends))
            if high < _INT8.min or low > _INT8.max:
                raise ConfigError(
                    f"{where}: scale {scale} and offset {offset} give every {self.raw} value the "
                    "same saturated one; real values are scale * (raw - offset)"
                )

    @property
    def channels(self) -> int:
        """How many channels are told apart."""
        return len(self.scales)

    @property
    def table(self) -> Array:
        """Of uint8: what is stored for every raw value, int8 of shape (channels, 256)."""
        raw = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], self.channels, axis=1)
        return self._by_float(raw).T

    @property
    def fixed_point(self) -> tuple[FixedPoint, ...]:
        """Of int16: the numbers of every channel."""
        step = Fraction(self.input.scale)
        return tuple(
            FixedPoint.of(Fraction(scale) / step, Fraction(offset))
            for scale, offset in zip(self.scales, self.offsets, strict=True)
        )

    def stored(self, raw: Array) -> Array:
        """What the input stores for raw values of shape (..., channels), as int8.

        With one channel, any shape will do. A float32 that is not a number becomes the lowest.
        """
        if self.raw == "uint8":
            channel = np.arange(self.channels)
            return np.asarray(self.table[channel, raw])
        if self.raw == "float32":
            return self._by_float(raw)
        parts = [
            fixed.steps(raw if self.channels == 1 else raw[..., channel])
            for channel, fixed in enumerate(self.fixed_point)
        ]
        return self._saturated(parts[0] if self.channels == 1 else np.stack(parts, axis=-1))

    def _by_float(self, raw: Array) -> Array:
        scales, offsets = np.array(self.scales, np.float32), np.array(self.offsets, np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            real = (raw.astype(np.float32) - offsets) * scales
            steps = np.asarray(real / np.float32(self.input.scale))
        steps = np.where(steps > -_BEYOND, np.minimum(steps, _BEYOND), -_BEYOND)
        whole = np.trunc(steps)
        rest = steps - whole
        return self._saturated(whole + (rest >= 0.5) - (rest <= -0.5))

    def _saturated(self, steps: Array) -> Array:
        stored = np.clip(steps + self.input.zero_point, _INT8.min, _INT8.max)
        return np.asarray(stored, np.int8)
