"""What kernels for Helium share that take two inputs of one shape, eight elements at a time.

Whether the correction for negative ties of :mod:`._mve` is needed depends on the constants alone,
and is tried out on all pairs of input values when the code is generated.

Overlap: up to eight elements are read from both inputs before the outputs at the same indices are
written, in rising order, so the output may lie at or below the start of either input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen.kernels._mve import INCLUDES
from tinygen.kernels.base import Implementation, Kernel, Overlap, input_, output
from tinygen.numerics import requantize, wrap_int32
from tinygen.numerics import saturating_rounding_doubling_high_mul as doubling_high_mul

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Array, Node, Tensor


class ElementwiseMve(Kernel):
    """Two vectors of four results at a time."""

    provider = "tinygen"

    def refusal(self, node: Node, core: Core) -> str | None:
        if not core.mve:
            return "the core has no Helium"
        if node.input(0).shape != node.input(1).shape:
            return "the inputs are not of one shape"
        return None

    def specialise(
        self, node: Node, order: tuple[int, int], params: dict[str, Any], instructions: float
    ) -> Implementation:
        """The kernel for a node, given its template's own ``params``.

        ``order`` are the inputs that are its first and second argument, ``instructions`` those of
        one element.
        """
        size = node.output.size
        return Implementation(
            kernel=self,
            params={"size": size, **params},
            label=str(size),
            arguments=(*map(input_, order), output()),
            overlaps=tuple(
                Overlap(input=index) for index in range(2) if not node.input(index).is_constant
            ),
            cycles=size * instructions + -(-(size % 8) // 4) * 32 + 20,
            code_bytes=250,
            includes=INCLUDES,
        )


def centred(tensor: Tensor) -> Array:
    """All 256 values of an input without its zero point."""
    return np.arange(-128, 128, dtype=np.int64) - tensor.quant.zero_point


def halves_up(x: Array, multiplier: int, shift: int) -> Array:
    """Requantization whose second rounding is that of VRSHL."""
    product = doubling_high_mul(wrap_int32(x << max(shift, 0)), multiplier)
    return product if shift >= 0 else (product + (1 << (-shift - 1))) >> -shift


def needs_away(x: Array, multiplier: int, shift: int, zero_point: int, low: int, high: int) -> bool:
    """Whether rounding halves up gives another output than rounding them away from zero."""
    values = np.unique(x)
    exact = requantize(values, multiplier, shift) + zero_point
    simple = halves_up(values, multiplier, shift) + zero_point
    return bool(np.any(np.clip(exact, low, high) != np.clip(simple, low, high)))
