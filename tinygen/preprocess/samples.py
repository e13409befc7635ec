"""Raw recordings as training samples: windows of a series, and a scale and offset per channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.errors import DataError

if TYPE_CHECKING:
    from tinygen.ir import Array


@dataclass(frozen=True)
class Normalization:
    """``real = scale * (raw - offset)``, one entry per channel; what ``[preprocess]`` is given."""

    scale: tuple[float, ...]
    offset: tuple[float, ...]

    def real(self, raw: Array) -> Array:
        """Raw values of shape (..., channels) as float32 ones, in float32 throughout.

        Raises DataError where the last axis does not fit.
        """
        if len(self.scale) > 1 and raw.shape[-1:] != (len(self.scale),):
            raise DataError(
                f"raw values of shape {raw.shape} do not have the {len(self.scale)} channels that "
                "were normalized; put the channels on the last axis"
            )
        scale, offset = np.array(self.scale, np.float32), np.array(self.offset, np.float32)
        return np.asarray((raw.astype(np.float32) - offset) * scale)

    def toml(self, raw: str) -> str:
        """The lines of tinygen.toml that let the device do the same to ``raw`` values."""
        scale, offset = (", ".join(map(repr, values)) for values in (self.scale, self.offset))
        return f'[preprocess]\nraw = "{raw}"\nscale = [{scale}]\noffset = [{offset}]\n'


def normalization(raw: Array) -> Normalization:
    """Mean 0 and standard deviation 1 for every channel of samples of shape (..., channels).

    Fit it to training data alone. Raises DataError for samples without values, for values that are
    not finite, and for a channel that has one value only.
    """
    channels = np.asarray(raw, np.float64).reshape(-1, raw.shape[-1]) if raw.ndim else raw
    if not channels.size or not np.isfinite(channels).all():
        raise DataError(
            f"the samples to normalize (shape {raw.shape}) are empty or hold values that are not "
            "finite; give finite values of shape (samples, ..., channels)"
        )
    spread = channels.std(axis=0)
    if not spread.all():
        raise DataError(
            f"channel {int(np.argmin(spread))} of the samples to normalize has one value only; "
            "leave the channel out"
        )
    return Normalization(
        tuple(float(np.float32(1 / s)) for s in spread),
        tuple(float(np.float32(m)) for m in channels.mean(axis=0)),
    )


def windows(series: Array, length: int, hop: int) -> Array:
    """Windows of a series of shape (frames, ...), as (windows, length, ...).

    The first begins with the first frame, each other ``hop`` frames after the one before; frames
    that do not fill a window are left out. So the device cuts a series as well. Raises DataError
    for a series that is too short, or a length or hop below one.
    """
    if length < 1 or hop < 1:
        raise DataError(f"windows of {length} frames, {hop} apart, do not exist; give at least 1")
    if len(series) < length:
        raise DataError(
            f"a series of {len(series)} frames has no window of {length}; give longer recordings"
        )
    starts = np.arange(0, len(series) - length + 1, hop)
    return np.asarray(series[starts[:, np.newaxis] + np.arange(length)])
