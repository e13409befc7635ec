"""SLICE: cut out a box."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.ir import Array, Node, Shape
from tinygen.ops.base import Draw, Operator, draw_quantized
from tinygen.ops.shapes import (
    draw_shape,
    integer_tensor,
    integers,
    present,
    require_integers,
    require_rank,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


class Slice(Operator):
    """Inputs 1 and 2 are where the box begins and how long it is; -1 means up to the end."""

    name = "SLICE"
    table = "SliceOptions"

    def check(self, node: Node) -> None:
        x = node.input(0)
        self.require_int8(node, x, node.output)
        require_rank(self, node, x)
        begin = require_integers(self, node, 1, "begin")
        size = require_integers(self, node, 2, "size")
        self.require(
            node,
            len(begin) == len(size) == len(x.shape),
            f"its begin and size have {len(begin)} and {len(size)} entries for an input of "
            f"shape {x.shape}",
            "give one entry per axis",
        )
        self.require(
            node,
            all(
                0 <= at < length and (count == -1 or 0 < count <= length - at)
                for at, count, length in zip(begin, size, x.shape, strict=True)
            ),
            f"the box at {begin} of size {size} is empty or leaves the input of shape {x.shape}",
            "slice inside the input",
        )

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        boxes = zip(integers(node, 1), integers(node, 2), node.input(0).shape, strict=True)
        return (tuple(length - at if count == -1 else count for at, count, length in boxes),)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        boxes = zip(integers(node, 1), self.shapes(node)[0], strict=True)
        return (present(inputs)[tuple(slice(at, at + count) for at, count in boxes)],)

    def sample(self, draw: Draw) -> Node:
        x = draw_quantized(draw, "input", draw_shape(draw))
        begin = [draw.integer(0, length - 1) for length in x.shape]
        size = [
            draw.choice((-1, draw.integer(1, length - at)))
            for at, length in zip(begin, x.shape, strict=True)
        ]
        inputs = (x, integer_tensor("begin", begin), integer_tensor("size", size))
        node = Node(self.name, "slice", inputs, (x,), self.options_type())
        return node.replace(outputs=(draw_quantized(draw, "output", self.shapes(node)[0]),))


OPERATOR = Slice()
