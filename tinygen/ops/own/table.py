"""TABLE: any function of one int8 value, written out; what chains of element-wise layers become."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Node, Tensor
from tinygen.ops.base import INT8, Draw, draw_quantized
from tinygen.ops.lookup import Lookup
from tinygen.ops.shapes import draw_shape

if TYPE_CHECKING:
    from tinygen.ir import Array

VALUES = 256


class Table(Lookup):
    """y = table[(uint8_t)x], where the second input holds the int8 answers to all 256 bytes."""

    name = "TABLE"

    def check(self, node: Node) -> None:
        super().check(node)
        table = node.optional_input(1)
        self.require(
            node,
            table is not None
            and table.is_constant
            and (table.shape, table.dtype) == ((VALUES,), INT8),
            "its table is not a constant of 256 int8 values",
            "this is a mistake in tinygen, please report it",
        )

    def apply(self, node: Node, x: Array) -> Array:
        return np.asarray(node.input(1).constant[x & 0xFF].astype(np.int64))

    def sample(self, draw: Draw) -> Node:
        x = draw_quantized(draw, "input", draw_shape(draw))
        y = draw_quantized(draw, "output", x.shape)
        table = Tensor("table", (VALUES,), INT8, data=draw.array((VALUES,), -128, 127, INT8))
        return Node(self.name, "table", (x, table), (y,), self.options_type())


OPERATOR = Table()
