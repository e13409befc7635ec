"""MAX_POOL_2D in plain C, for every shape and every core.

Exact: starting at the lower bound of the fused activation instead of -128 gives
max(max x, low), and low <= high, so that the minimum with the upper bound does the rest.
"""

from __future__ import annotations

from tinygen.kernels._pooling import PoolingPortable


class MaxPool2DPortable(PoolingPortable):
    """A running maximum per channel."""

    name = "max_pool_2d_portable"
    op = "MAX_POOL_2D"


KERNEL = MaxPool2DPortable()
