"""EXPAND_DIMS in plain C, where it cannot be left out.

The bytes stay as they are: with the output where the input was, no code is needed. Otherwise they
are copied as :mod:`tinygen.kernels._moves` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels._moves import Move, MoveKernel

if TYPE_CHECKING:
    from tinygen.ir import Node


class ExpandDimsPortable(MoveKernel):
    """One block, or nothing."""

    name = "expand_dims_portable"
    op = "EXPAND_DIMS"

    def move(self, node: Node) -> Move:
        return Move.of((node.output.size,), (1,))


KERNEL = ExpandDimsPortable()
