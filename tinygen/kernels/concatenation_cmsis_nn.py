"""CONCATENATION by CMSIS-NN.

Whatever the axis, the tensors are rows of values that are joined row by row: its routine for the
innermost axis serves them all. Exact: it only copies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels._cmsis_nn import INCLUDES, flavour, product
from tinygen.kernels._cmsis_nn_cost import copying_cost
from tinygen.kernels._cmsis_nn_size import linked
from tinygen.kernels.base import Implementation, Kernel, input_, output

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node

_LARGEST_SIZE = (1 << 16) - 1


class ConcatenationCmsisNN(Kernel):
    """arm_concatenation_s8_x, once per input."""

    name = "concatenation_cmsis_nn"
    provider = "cmsis_nn"
    op = "CONCATENATION"

    def refusal(self, node: Node, core: Core) -> str | None:
        rows, lengths = _rows(node)
        if max(rows, sum(lengths)) > _LARGEST_SIZE:
            return f"it counts rows and their values in 16 bits, up to {_LARGEST_SIZE}"
        return None

    def implement(self, node: Node, core: Core) -> Implementation:
        rows, lengths = _rows(node)
        return Implementation(
            kernel=self,
            params={"rows": rows, "lengths": lengths},
            label=f"{rows}x{sum(lengths)}",
            arguments=(*(input_(index) for index in range(len(lengths))), output()),
            cycles=copying_cost(flavour(core), node.output.size, pieces=rows * len(lengths)),
            linked=linked("arm_concatenation_s8_x", core),
            includes=INCLUDES,
        )


def _rows(node: Node) -> tuple[int, tuple[int, ...]]:
    """How many rows, and how long they are in each input."""
    axis = node.options.axis % len(node.output.shape)
    shapes = [node.input(index).shape for index in range(len(node.inputs))]
    return product(shapes[0][:axis]), tuple(product(shape[axis:]) for shape in shapes)


KERNEL = ConcatenationCmsisNN()
