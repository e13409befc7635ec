"""SQUEEZE in plain C, where it cannot be left out.

The bytes stay as they are: with the output where the input was, no code is needed. Otherwise they
are copied as :mod:`tinygen.kernels._moves` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels._moves import Move, MoveKernel

if TYPE_CHECKING:
    from tinygen.ir import Node


class SqueezePortable(MoveKernel):
    """One block, or nothing."""

    name = "squeeze_portable"
    op = "SQUEEZE"

    def move(self, node: Node) -> Move:
        return Move.of((node.output.size,), (1,))


KERNEL = SqueezePortable()
