"""DEPTHWISE_CONV_2D: every input channel meets filters of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Node
from tinygen.numerics import activation_range, requantize, wrap_int32
from tinygen.ops.base import ACTIVATIONS, Draw, Operator, draw_quantized, quantized
from tinygen.ops.weights import (
    bias_of,
    channel_factors,
    draw_weights,
    require_weights,
    split_factors,
)
from tinygen.ops.windows import Window, draw_dilation, draw_geometry, require_fitting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Array, Shape


@dataclass(frozen=True)
class DepthwiseConv2DOptions:
    """Fields of TFLite's DepthwiseConv2DOptions that have a meaning for int8."""

    padding: str = "VALID"
    stride_w: int = 1
    stride_h: int = 1
    depth_multiplier: int = 1
    fused_activation_function: str = "NONE"
    dilation_w_factor: int = 1
    dilation_h_factor: int = 1


def window(node: Node) -> Window:
    """Where the filter, of shape (1, height, width, channels), lies over the input."""
    options: DepthwiseConv2DOptions = node.options
    _, height, width, _ = node.input(1).shape
    return Window.over(
        node.input(0).shape,
        height,
        width,
        (options.stride_h, options.stride_w),
        options.padding,
        (options.dilation_h_factor, options.dilation_w_factor),
    )


def requantization(node: Node) -> tuple[Array, Array]:
    """Multipliers and shifts, one per output channel."""
    return split_factors(channel_factors(node, node.input(1).shape[3]))


class DepthwiseConv2D(Operator):
    """y[c * m + k] = requantize(sum (x[c] - zero_point) * w[c * m + k] + bias[c * m + k])."""

    name = "DEPTHWISE_CONV_2D"
    table = "DepthwiseConv2DOptions"
    options_type = DepthwiseConv2DOptions
    enums = {"padding": "Padding", "fused_activation_function": "ActivationFunctionType"}

    def check(self, node: Node) -> None:
        x, y = node.input(0), node.output
        self.require_int8(node, x, y)
        self.require_activation(node)
        require_weights(self, node, rank=4, axis=3)
        first, height, width, channels = node.input(1).shape
        require_fitting(self, node, height, width)
        multiplier = node.options.depth_multiplier
        self.require(
            node,
            first == 1 and channels == x.shape[3] * multiplier,
            f"the filter {node.input(1).shape} does not fit {x.shape[3]} input channels with "
            f"depth multiplier {multiplier}",
            "export the model again, it is malformed",
        )
        for factor in channel_factors(node, channels):
            self.require_factor(node, factor)

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        geometry = window(node)
        batch, channels = node.input(0).shape[0], node.input(1).shape[3]
        return ((batch, geometry.out_height, geometry.out_width, channels),)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        x, w = inputs[0], node.input(1).constant.astype(np.int64)
        assert x is not None
        centred = x.astype(np.int64) - node.input(0).quant.zero_point
        acc = bias_of(node, w.shape[3])
        for i, j, values in window(node).taps(centred, 0):
            acc = acc + np.repeat(values, node.options.depth_multiplier, axis=3) * w[0, i, j]
        y = requantize(wrap_int32(acc), *requantization(node)) + node.output.quant.zero_point
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        return (np.clip(y, low, high).astype(np.int8),)

    def macs(self, node: Node) -> int:
        _, height, width, _ = node.input(1).shape
        return node.output.size * height * width

    def sample(self, draw: Draw) -> Node:
        height, width = draw.integer(1, 12), draw.integer(1, 12)
        depth, multiplier = draw.integer(1, 12), draw.choice((1, 1, 2, 3))
        padding, kernel = draw_geometry(draw, height, width)
        options = DepthwiseConv2DOptions(
            padding=padding,
            stride_h=draw.integer(1, 3),
            stride_w=draw.integer(1, 3),
            depth_multiplier=multiplier,
            fused_activation_function=draw.choice(ACTIVATIONS),
            dilation_h_factor=draw_dilation(draw, height, kernel[0], padding),
            dilation_w_factor=draw_dilation(draw, width, kernel[1], padding),
        )
        x = draw_quantized(draw, "input", (1, height, width, depth))
        inputs = (x, *draw_weights(draw, x, (1, *kernel, depth * multiplier), axis=3))
        node = Node(self.name, "depthwise", inputs, (quantized("output", (), 1.0, 0),), options)
        return node.replace(outputs=(draw_quantized(draw, "output", self.shapes(node)[0]),))


OPERATOR = DepthwiseConv2D()
