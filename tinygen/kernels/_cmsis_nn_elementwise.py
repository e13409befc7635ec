"""What CMSIS-NN kernels on two inputs of one shape share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels.base import Overlap

if TYPE_CHECKING:
    from tinygen.ir import Node


def broadcast_refusal(node: Node) -> str | None:
    """Why a node's inputs are not read side by side, value by value; None if they are.

    Shapes may differ in leading ones.
    """
    if node.input(0).size == node.input(1).size == node.output.size:
        return None
    return "it takes inputs of equal size only"


def in_place(node: Node) -> tuple[Overlap, ...]:
    """The output may lie over either input that has its size.

    The routines read a group of values from both inputs before they write the results of that
    group, in rising order, so what they write was read before.
    """
    return tuple(
        Overlap(input=index)
        for index in range(2)
        if not node.input(index).is_constant and node.input(index).size == node.output.size
    )
