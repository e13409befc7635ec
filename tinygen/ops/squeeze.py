"""SQUEEZE: drop axes of length 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen.ir import Array, Node, Shape
from tinygen.ops.base import Draw, Operator, draw_quantized
from tinygen.ops.shapes import draw_shape, present, require_axis

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class SqueezeOptions:
    """``squeeze_dims`` are the axes to drop; none means all of length 1."""

    squeeze_dims: tuple[int, ...] = ()


def _dropped(node: Node) -> set[int]:
    shape = node.input(0).shape
    axes = node.options.squeeze_dims or [axis for axis, size in enumerate(shape) if size == 1]
    return {axis % len(shape) for axis in axes}


class Squeeze(Operator):
    """The same bytes in another shape."""

    name = "SQUEEZE"
    table = "SqueezeOptions"
    options_type = SqueezeOptions

    def check(self, node: Node) -> None:
        shape = node.input(0).shape
        self.require_int8(node, node.input(0), node.output)
        for axis in node.options.squeeze_dims:
            require_axis(self, node, axis, len(shape))
            self.require(
                node,
                shape[axis] == 1,
                f"axis {axis} of an input of shape {shape} does not have length 1",
                "use RESHAPE, or squeeze another axis",
            )

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        dropped = _dropped(node)
        kept = (size for axis, size in enumerate(node.input(0).shape) if axis not in dropped)
        return (tuple(kept),)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        return (present(inputs).reshape(node.output.shape),)

    def sample(self, draw: Draw) -> Node:
        shape = draw_shape(draw, high=3)
        ones = sorted({draw.integer(0, len(shape)) for _ in range(2)})
        for axis in ones:
            shape = (*shape[:axis], 1, *shape[axis:])
        rank = len(shape)
        named = tuple(axis - draw.choice((0, rank)) for axis in ones)
        x = draw_quantized(draw, "input", shape)
        node = Node(self.name, "squeeze", (x,), (x,), SqueezeOptions(draw.choice(((), named))))
        return node.replace(outputs=(draw_quantized(draw, "output", self.shapes(node)[0]),))


OPERATOR = Squeeze()
