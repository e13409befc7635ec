"""What RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen.ir import Node
from tinygen.ops.base import Draw, Operator, draw_quantized
from tinygen.ops.shapes import integer_tensor, integers, require_integers

if TYPE_CHECKING:
    from tinygen.ir import Shape


@dataclass(frozen=True)
class ResizeOptions:
    """Whether the corners of both images meet, and whether a pixel's value is at its centre."""

    align_corners: bool = False
    half_pixel_centers: bool = False


class Resize(Operator):
    """An NHWC image in another height and width, which are input 1."""

    options_type = ResizeOptions

    def check(self, node: Node) -> None:
        x = node.input(0)
        self.require_int8(node, x, node.output)
        self.require(
            node, len(x.shape) == 4, f"input of shape {x.shape} is not NHWC", "reshape it to 4-D"
        )
        size = require_integers(self, node, 1, "size")
        self.require(
            node,
            len(size) == 2 and min(size) > 0,
            f"it resizes to {size}",
            "give a height and a width of at least 1",
        )

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        batch, _, _, depth = node.input(0).shape
        height, width = integers(node, 1)
        return ((batch, height, width, depth),)

    def draw_options(self, draw: Draw) -> ResizeOptions:
        """Options for an example."""
        corners, centers = draw.choice(((False, False), (True, False), (False, True)))
        return ResizeOptions(corners, centers)

    def sample(self, draw: Draw) -> Node:
        shape = (1, draw.integer(1, 9), draw.integer(1, 9), draw.integer(1, 6))
        size = integer_tensor("size", (draw.integer(1, 20), draw.integer(1, 20)))
        x = draw_quantized(draw, "input", shape)
        node = Node(self.name, "resize", (x, size), (x,), self.draw_options(draw))
        return node.replace(outputs=(draw_quantized(draw, "output", self.shapes(node)[0]),))
