"""What AVERAGE_POOL_2D and MAX_POOL_2D share: everything but the reduction of one window."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Node
from tinygen.numerics import activation_range
from tinygen.ops.base import ACTIVATIONS, Draw, Operator, draw_quantized
from tinygen.ops.windows import Window, draw_geometry, require_fitting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Array, Shape

# Pooling copies stored values, so scales must agree; TFLite Micro allows this absolute difference.
SCALE_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Pool2DOptions:
    """Fields of TFLite's Pool2DOptions that have a meaning for int8."""

    padding: str = "VALID"
    stride_w: int = 1
    stride_h: int = 1
    filter_width: int = 1
    filter_height: int = 1
    fused_activation_function: str = "NONE"


def window(node: Node) -> Window:
    """Where the pooling window lies over the input."""
    options: Pool2DOptions = node.options
    return Window.over(
        node.input(0).shape,
        options.filter_height,
        options.filter_width,
        (options.stride_h, options.stride_w),
        options.padding,
    )


class Pooling(Operator):
    """A reduction over windows; padding takes no part in it."""

    table = "Pool2DOptions"
    options_type = Pool2DOptions
    enums = {"padding": "Padding", "fused_activation_function": "ActivationFunctionType"}

    def reduce(self, x: Array, over: Window) -> Array:
        """The reduced windows of NHWC values."""
        raise NotImplementedError

    def check(self, node: Node) -> None:
        x, y = node.input(0), node.output
        self.require_int8(node, x, y)
        self.require_activation(node)
        require_fitting(self, node, node.options.filter_height, node.options.filter_width)
        self.require(
            node,
            abs(x.quant.scale - y.quant.scale) <= SCALE_TOLERANCE
            and x.quant.zero_point == y.quant.zero_point,
            "input and output are quantized differently",
            "quantize them alike, as converters do",
        )

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        geometry = window(node)
        batch, _, _, channels = node.input(0).shape
        return ((batch, geometry.out_height, geometry.out_width, channels),)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        x = inputs[0]
        assert x is not None
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        return (np.clip(self.reduce(x, window(node)), low, high).astype(np.int8),)

    def sample(self, draw: Draw) -> Node:
        height, width = draw.integer(1, 14), draw.integer(1, 14)
        padding, kernel = draw_geometry(draw, height, width)
        if padding == "VALID" and draw.integer(0, 3) == 0:
            kernel = (height, width)
        options = Pool2DOptions(
            padding=padding,
            stride_h=draw.integer(1, 4),
            stride_w=draw.integer(1, 4),
            filter_height=kernel[0],
            filter_width=kernel[1],
            fused_activation_function=draw.choice(ACTIVATIONS),
        )
        x = draw_quantized(draw, "input", (1, height, width, draw.integer(1, 17)))
        node = Node(self.name, "pool", (x,), (x,), options)
        y = dataclasses.replace(x, name="output", shape=self.shapes(node)[0])
        return node.replace(outputs=(y,))
