"""What MINIMUM and MAXIMUM share."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from tinygen.ir import Node
from tinygen.ops.base import INT8, Draw, Operator, draw_quantized
from tinygen.ops.elementwise import broadcast_shape, draw_broadcast_shapes, require_broadcast
from tinygen.ops.shapes import present

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Array, Shape


class Extremum(Operator):
    """One of two broadcast int8 values.

    Stored values are compared: the quantization specification gives all three tensors one scale
    and zero point, and tflite-micro relies on it.
    """

    table = "MaximumMinimumOptions"

    @abstractmethod
    def pick(self, a: Array, b: Array) -> Array:
        """The result for two stored values."""

    def check(self, node: Node) -> None:
        self.require_int8(node, node.input(0), node.input(1), node.output)
        require_broadcast(self, node)

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        return (broadcast_shape(node),)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        return (self.pick(present(inputs, 0), present(inputs, 1)),)

    def sample(self, draw: Draw) -> Node:
        shapes = draw_broadcast_shapes(draw)
        constant = draw.choice((None, None, 0, 1))
        a, b = (
            draw_quantized(
                draw,
                f"input_{i}",
                shape,
                draw.array(shape, -128, 127, INT8) if i == constant else None,
            )
            for i, shape in enumerate(shapes)
        )
        node = Node(self.name, self.name.lower(), (a, b), (a,), self.options_type())
        return node.replace(outputs=(draw_quantized(draw, "output", self.shapes(node)[0]),))
