"""EXPAND_DIMS: insert an axis of length 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.ir import Array, Node, Shape
from tinygen.ops.base import Draw, Operator, draw_quantized
from tinygen.ops.shapes import (
    draw_shape,
    integers,
    present,
    require_axis,
    require_integers,
    scalar_tensor,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


class ExpandDims(Operator):
    """The same bytes in another shape; the axis, input 1, counts in the output."""

    name = "EXPAND_DIMS"
    table = "ExpandDimsOptions"

    def check(self, node: Node) -> None:
        self.require_int8(node, node.input(0), node.output)
        axes = require_integers(self, node, 1, "axis")
        self.require(node, len(axes) == 1, f"it names {len(axes)} axes", "name one axis")
        require_axis(self, node, axes[0], len(node.input(0).shape) + 1)

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        shape = node.input(0).shape
        axis = integers(node, 1)[0] % (len(shape) + 1)
        return ((*shape[:axis], 1, *shape[axis:]),)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        return (present(inputs).reshape(node.output.shape),)

    def sample(self, draw: Draw) -> Node:
        x = draw_quantized(draw, "input", draw_shape(draw))
        axis = draw.integer(-len(x.shape) - 1, len(x.shape))
        node = Node(
            self.name, "expand", (x, scalar_tensor("axis", axis)), (x,), self.options_type()
        )
        return node.replace(outputs=(draw_quantized(draw, "output", self.shapes(node)[0]),))


OPERATOR = ExpandDims()
