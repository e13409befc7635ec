"""MAX_POOL_2D: the largest value under a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.ops.pooling import Pooling

if TYPE_CHECKING:
    from tinygen.ir import Array
    from tinygen.ops.windows import Window


class MaxPool2D(Pooling):
    """y = max of the input values under the window, clamped by the fused activation."""

    name = "MAX_POOL_2D"

    def reduce(self, x: Array, over: Window) -> Array:
        largest: Array = np.stack([values for _, _, values in over.taps(x, -128)]).max(axis=0)
        return largest


OPERATOR = MaxPool2D()
