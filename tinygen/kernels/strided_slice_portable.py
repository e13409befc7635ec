"""STRIDED_SLICE in plain C.

:mod:`tinygen.kernels._moves` says why it is exact and how it overlaps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels._moves import Move, MoveKernel, dense_steps
from tinygen.ops.strided_slice import walks

if TYPE_CHECKING:
    from tinygen.ir import Node


class StridedSlicePortable(MoveKernel):
    """A box whose steps are multiples of those of the input, and may be negative."""

    name = "strided_slice_portable"
    op = "STRIDED_SLICE"

    def move(self, node: Node) -> Move:
        axes = list(zip(walks(node), dense_steps(node.input(0).shape), strict=True))
        return Move.of(
            [walk.count for walk, _ in axes],
            [walk.stride * step for walk, step in axes],
            sum(walk.start * step for walk, step in axes),
        )


KERNEL = StridedSlicePortable()
