"""CONV_2D: int8 convolution with one weight scale per output channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Node, Tensor
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
class Conv2DOptions:
    """Fields of TFLite's Conv2DOptions that have a meaning for int8."""

    padding: str = "VALID"
    stride_w: int = 1
    stride_h: int = 1
    fused_activation_function: str = "NONE"
    dilation_w_factor: int = 1
    dilation_h_factor: int = 1


def window(node: Node) -> Window:
    """Where the filter lies over the input."""
    options: Conv2DOptions = node.options
    _, height, width, _ = node.input(1).shape
    return Window.over(
        node.input(0).shape,
        height,
        width,
        (options.stride_h, options.stride_w),
        options.padding,
        (options.dilation_h_factor, options.dilation_w_factor),
    )


def requantization(node: Node, channels: int) -> tuple[Array, Array]:
    """Multipliers and shifts, one per output channel."""
    return split_factors(channel_factors(node, channels))


class Conv2D(Operator):
    """y[o] = requantize(sum (x - zero_point) * w[o] + bias[o]), clamped by the fused activation."""

    name = "CONV_2D"
    table = "Conv2DOptions"
    options_type = Conv2DOptions
    enums = {"padding": "Padding", "fused_activation_function": "ActivationFunctionType"}

    def check(self, node: Node) -> None:
        x, y = node.input(0), node.output
        self.require_int8(node, x, y)
        self.require_activation(node)
        require_weights(self, node, rank=4, axis=0)
        channels, height, width, depth = node.input(1).shape
        require_fitting(self, node, height, width)
        self.require(
            node,
            depth == x.shape[3],
            f"the filter expects {depth} channels and the input has {x.shape[3]}",
            "split a grouped convolution into one convolution per group",
        )
        for factor in channel_factors(node, channels):
            self.require_factor(node, factor)

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        geometry = window(node)
        batch, channels = node.input(0).shape[0], node.input(1).shape[0]
        return ((batch, geometry.out_height, geometry.out_width, channels),)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        x, w = inputs[0], node.input(1).constant
        assert x is not None
        zero_point = node.input(0).quant.zero_point
        acc = bias_of(node, w.shape[0])
        # float64 sums of these products are exact below 2**53 and use the BLAS.
        weights = w.astype(np.float64)
        for i, j, values in window(node).taps(x.astype(np.int64) - zero_point, 0):
            acc = acc + (values.astype(np.float64) @ weights[:, i, j, :].T).astype(np.int64)
        multipliers, shifts = requantization(node, w.shape[0])
        y = requantize(wrap_int32(acc), multipliers, shifts) + node.output.quant.zero_point
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        return (np.clip(y, low, high).astype(np.int8),)

    def macs(self, node: Node) -> int:
        _, height, width, depth = node.input(1).shape
        return node.output.size * height * width * depth

    def sample(self, draw: Draw) -> Node:
        height, width = draw.integer(1, 12), draw.integer(1, 12)
        depth, channels = draw.integer(1, 20), draw.integer(1, 20)
        padding, kernel = draw_geometry(draw, height, width)
        options = Conv2DOptions(
            padding=padding,
            stride_h=draw.integer(1, 3),
            stride_w=draw.integer(1, 3),
            fused_activation_function=draw.choice(ACTIVATIONS),
            dilation_h_factor=draw_dilation(draw, height, kernel[0], padding),
            dilation_w_factor=draw_dilation(draw, width, kernel[1], padding),
        )
        x = draw_quantized(draw, "input", (1, height, width, depth))
        inputs: tuple[Tensor | None, ...] = (
            x,
            *draw_weights(draw, x, (channels, *kernel, depth), axis=0),
        )
        if len(inputs) == 2 and draw.integer(0, 1):
            inputs = (*inputs, None)
        node = Node(self.name, "conv", inputs, (quantized("output", (), 1.0, 0),), options)
        return node.replace(outputs=(draw_quantized(draw, "output", self.shapes(node)[0]),))


OPERATOR = Conv2D()
