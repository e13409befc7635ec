"""TRANSPOSE in plain C.

:mod:`tinygen.kernels._moves` says why it is exact and how it overlaps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels._moves import Move, MoveKernel, dense_steps
from tinygen.ops.shapes import integers

if TYPE_CHECKING:
    from tinygen.ir import Node


class TransposePortable(MoveKernel):
    """A box whose steps are those of the input in another order."""

    name = "transpose_portable"
    op = "TRANSPOSE"

    def move(self, node: Node) -> Move:
        steps = dense_steps(node.input(0).shape)
        return Move.of(node.output.shape, [steps[axis] for axis in integers(node, 1)])


KERNEL = TransposePortable()
