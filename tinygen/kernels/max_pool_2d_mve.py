"""MAX_POOL_2D on Helium, 16 channels at a time.

Exact: starting at the lower bound of the fused activation instead of -128 gives
max(max x, low), and low <= high, so that the minimum with the upper bound does the rest.
"""

from __future__ import annotations

from tinygen.kernels._pooling_mve import PoolingMve


class MaxPool2DMve(PoolingMve):
    """A running maximum in each lane."""

    name = "max_pool_2d_mve"
    op = "MAX_POOL_2D"
    block = 16


KERNEL = MaxPool2DMve()
