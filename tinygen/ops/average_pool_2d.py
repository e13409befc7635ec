"""AVERAGE_POOL_2D: the mean of the values under a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.ops.pooling import Pooling

if TYPE_CHECKING:
    from tinygen.ir import Array
    from tinygen.ops.windows import Window


class AveragePool2D(Pooling):
    """y = mean of the stored input values under the window, rounded half away from zero."""

    name = "AVERAGE_POOL_2D"

    def reduce(self, x: Array, over: Window) -> Array:
        total = sum(values for _, _, values in over.taps(x.astype(np.int64), 0))
        ones = np.ones((1, *x.shape[1:3], 1), np.int64)
        count = sum(values for _, _, values in over.taps(ones, 0))
        magnitude = (np.abs(total) + count // 2) // count
        return np.where(total > 0, magnitude, -magnitude)


OPERATOR = AveragePool2D()
