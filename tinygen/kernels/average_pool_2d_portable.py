"""AVERAGE_POOL_2D in plain C, for every shape and every core.

Exact: a mean of n values is rounded half away from zero, which is floor(a / n) with the sign of
the sum, where a = abs(sum) + n // 2. The division is a multiplication by r = ceil(2**24 / n) and a
shift by 24. With r = (2**24 + e) / n and 0 <= e < n, that is the same floor as long as
a * e < 2**24. Since a <= 128 n + n / 2, it holds up to n = MAX_COUNT, and a * r stays below 2**32.
Windows of more values are divided: one division for that many additions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tinygen.kernels._pooling import PoolingPortable

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node
    from tinygen.kernels.base import Implementation

RECIPROCAL_BITS = 24
MAX_COUNT = 361


class AveragePool2DPortable(PoolingPortable):
    """A sum per channel, divided by multiplication."""

    name = "average_pool_2d_portable"
    op = "AVERAGE_POOL_2D"

    def implement(self, node: Node, core: Core) -> Implementation:
        chosen = super().implement(node, core)
        area = node.options.filter_height * node.options.filter_width
        return replace(
            chosen,
            params=chosen.params
            | {"multiply": area <= MAX_COUNT, "reciprocal_bits": RECIPROCAL_BITS},
        )


KERNEL = AveragePool2DPortable()
