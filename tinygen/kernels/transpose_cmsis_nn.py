"""TRANSPOSE by CMSIS-NN.

Axes of size one are dropped and axes that stay together are merged first, which moves no value:
NHWC to NCHW becomes the transposition of a matrix, the fast case. Exact: it only copies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels._cmsis_nn import INCLUDES, flavour, product
from tinygen.kernels._cmsis_nn_cost import transposing_cost
from tinygen.kernels._cmsis_nn_size import linked
from tinygen.kernels.base import Implementation, Kernel, input_, output
from tinygen.ops.shapes import integers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.cores import Core
    from tinygen.ir import Node, Shape

# The matrix routine counts rows and columns in 16 bits; on Helium it also multiplies the columns
# by up to 7 in 16 bits, to gather eight rows.
_LARGEST_SIDE = (1 << 16) - 1
_LARGEST_HELIUM_COLUMNS = _LARGEST_SIDE // 7


class TransposeCmsisNN(Kernel):
    """arm_transpose_s8."""

    name = "transpose_cmsis_nn"
    provider = "cmsis_nn"
    op = "TRANSPOSE"

    def refusal(self, node: Node, core: Core) -> str | None:
        shape, _ = _merged(node)
        if len(shape) < 2:
            return "no value changes its place"
        if len(shape) > 4:
            return "it takes up to four dimensions"
        columns = _LARGEST_HELIUM_COLUMNS if core.mve else _LARGEST_SIDE
        if len(shape) == 2 and (shape[0] > _LARGEST_SIDE or shape[1] > columns):
            return "it counts rows and columns in 16 bits"
        return None

    def implement(self, node: Node, core: Core) -> Implementation:
        shape, permutation = _merged(node)
        result = tuple(shape[axis] for axis in permutation)
        return Implementation(
            kernel=self,
            params={"input": shape, "output": result, "permutation": permutation},
            label="x".join(map(str, shape)) + "_to_" + "".join(map(str, permutation)),
            arguments=(input_(), output()),
            cycles=transposing_cost(flavour(core), len(shape), node.output.size),
            linked=linked("arm_transpose_s8", core),
            includes=INCLUDES,
        )


def _merged(node: Node) -> tuple[Shape, tuple[int, ...]]:
    """The same transposition with the fewest axes: input shape and permutation."""
    shape = node.input(0).shape
    moved = [axis for axis in integers(node, 1) if shape[axis] != 1]
    rank = {axis: i for i, axis in enumerate(sorted(moved))}
    runs: list[list[int]] = []
    for axis in moved:
        if runs and rank[axis] == rank[runs[-1][-1]] + 1:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    in_order: Sequence[list[int]] = sorted(runs)
    return (
        tuple(product([shape[axis] for axis in run]) for run in in_order),
        tuple(in_order.index(run) for run in runs),
    )


KERNEL = TransposeCmsisNN()
