"""SLICE in plain C; :mod:`tinygen.kernels._moves` says why it is exact and how it overlaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels._moves import Move, MoveKernel, dense_steps
from tinygen.ops.shapes import integers

if TYPE_CHECKING:
    from tinygen.ir import Node


class SlicePortable(MoveKernel):
    """A box that begins inside the input."""

    name = "slice_portable"
    op = "SLICE"

    def move(self, node: Node) -> Move:
        steps = dense_steps(node.input(0).shape)
        start = sum(at * step for at, step in zip(integers(node, 1), steps, strict=True))
        return Move.of(node.output.shape, steps, start)


KERNEL = SlicePortable()
