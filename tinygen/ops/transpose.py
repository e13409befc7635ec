"""TRANSPOSE: permute the axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Array, Node, Shape
from tinygen.ops.base import Draw, Operator, draw_quantized
from tinygen.ops.shapes import (
    MAX_RANK,
    draw_shape,
    integer_tensor,
    integers,
    present,
    require_integers,
    require_rank,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


class Transpose(Operator):
    """Axis i of the output is axis ``perm[i]`` of the input; ``perm`` is input 1."""

    name = "TRANSPOSE"
    table = "TransposeOptions"

    def check(self, node: Node) -> None:
        x = node.input(0)
        self.require_int8(node, x, node.output)
        require_rank(self, node, x)
        perm = require_integers(self, node, 1, "permutation")
        self.require(
            node,
            sorted(perm) == list(range(len(x.shape))),
            f"{perm} is not a permutation of the {len(x.shape)} axes of its input",
            "name every axis once, counted from the front",
        )

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        shape = node.input(0).shape
        return (tuple(shape[axis] for axis in integers(node, 1)),)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        return (np.ascontiguousarray(present(inputs).transpose(integers(node, 1))),)

    def sample(self, draw: Draw) -> Node:
        x = draw_quantized(draw, "input", draw_shape(draw, high=MAX_RANK, largest=5))
        axes, perm = list(range(len(x.shape))), []
        while axes:
            perm.append(axes.pop(draw.integer(0, len(axes) - 1)))
        node = Node(
            self.name, "transpose", (x, integer_tensor("perm", perm)), (x,), self.options_type()
        )
        return node.replace(outputs=(draw_quantized(draw, "output", self.shapes(node)[0]),))


OPERATOR = Transpose()
