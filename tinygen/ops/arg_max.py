"""ARG_MAX: where along an axis the largest value lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Array, Node, Shape, Tensor
from tinygen.ops.base import INT32, Draw, Operator, draw_quantized
from tinygen.ops.shapes import (
    draw_shape,
    integers,
    present,
    require_axis,
    require_integers,
    require_rank,
    scalar_tensor,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class ArgMaxOptions:
    """``output_type`` is the type of the indices."""

    output_type: str = "INT32"


def axis(node: Node) -> int:
    """The axis that is searched, counted from the front."""
    return integers(node, 1)[0] % len(node.input(0).shape)


class ArgMax(Operator):
    """y = the lowest index of the largest value along the axis, which is input 1."""

    name = "ARG_MAX"
    table = "ArgMaxOptions"
    options_type = ArgMaxOptions
    enums = {"output_type": "TensorType"}

    def check(self, node: Node) -> None:
        x = node.input(0)
        self.require_int8(node, x)
        require_rank(self, node, x)
        axes = require_integers(self, node, 1, "axis")
        self.require(node, len(axes) == 1, f"it names {len(axes)} axes", "name one axis")
        require_axis(self, node, axes[0], len(x.shape))
        self.require(
            node,
            node.output.dtype == INT32 and node.options.output_type == "INT32",
            f"its output is {node.output.dtype}",
            "ask for int32 indices",
        )

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        shape = node.input(0).shape
        return ((*shape[: axis(node)], *shape[axis(node) + 1 :]),)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        return (np.asarray(np.argmax(present(inputs), axis(node)), np.int32),)

    def sample(self, draw: Draw) -> Node:
        x = draw_quantized(draw, "input", draw_shape(draw))
        along = scalar_tensor("axis", draw.integer(-len(x.shape), len(x.shape) - 1))
        node = Node(self.name, "argmax", (x, along), (x,), ArgMaxOptions())
        return node.replace(outputs=(Tensor("output", self.shapes(node)[0], INT32),))


OPERATOR = ArgMax()
