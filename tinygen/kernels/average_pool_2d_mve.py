"""AVERAGE_POOL_2D on Helium, 8 channels at a time.

Exact: sums of up to 255 int8 values fit the int16 lanes, as 255 * 128 < 2**15. The mean is rounded
half away from zero as floor(u / n) with u = abs(sum) + n / 2 < 2**15, given the sign of the sum.

With k such that 2**(k - 1) < n <= 2**k, let M = ceil(2**(15 + k) / n), which is below 2**16 for
n > 1. Then floor(u / n) = u M >> (15 + k): M n = 2**(15 + k) + e with 0 <= e < n <= 2**k, so
u M / 2**(15 + k) = u / n + u e / (n 2**(15 + k)), and u e < 2**15 * 2**k leaves the second term
below 1 / n, which never reaches the next integer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygen.kernels._pooling_mve import PoolingMve
from tinygen.ops.pooling import window

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node
    from tinygen.ops.windows import Window

LARGEST_WINDOW = 255


class AveragePool2DMve(PoolingMve):
    """A sum in each lane."""

    name = "average_pool_2d_mve"
    op = "AVERAGE_POOL_2D"
    block = 8

    def refusal(self, node: Node, core: Core) -> str | None:
        geometry = window(node)
        if geometry.reaches_outside(node.input(0).shape):
            return "a window reaches outside the input, so that not all have one size"
        if not 1 < geometry.height * geometry.width <= LARGEST_WINDOW:
            return f"the window does not have 2 to {LARGEST_WINDOW} values"
        return super().refusal(node, core)

    def divisor(self, geometry: Window) -> dict[str, Any]:
        count = geometry.height * geometry.width
        bits = (count - 1).bit_length()
        return {"reciprocal": -(-(1 << (15 + bits)) // count), "shift": bits - 1}


KERNEL = AveragePool2DMve()
