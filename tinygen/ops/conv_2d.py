"""CONV_2D: int8 convolution with one weight scale per output channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Array, Node, Quantization, Shape, Tensor
from tinygen.numerics import activation_range, quantize_multiplier, requantize, wrap_int32
from tinygen.ops.base import INT8, INT32, Draw, Operator, draw_quantized, quantized
from tinygen.ops.windows import Window

if TYPE_CHECKING:
    from collections.abc import Sequence


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
    """Multipliers and shifts, one per output channel.

    The factor is input scale times filter scale over output scale, in double precision
    (TFLite ``PopulateConvolutionQuantizationParams``).
    """
    x, w, y = node.input(0).quant, node.input(1).quant, node.output.quant
    scales = w.scales if w.per_channel else w.scales * channels
    pairs = [quantize_multiplier(x.scale * scale / y.scale) for scale in scales]
    return np.array([m for m, _ in pairs], np.int64), np.array([s for _, s in pairs], np.int64)


class Conv2D(Operator):
    """y[o] = requantize(sum (x - zero_point) * w[o] + bias[o]), clamped by the fused activation."""

    name = "CONV_2D"
    table = "Conv2DOptions"
    options_type = Conv2DOptions
    enums = {"padding": "Padding", "fused_activation_function": "ActivationFunctionType"}

    def check(self, node: Node) -> None:
        x, w, y = node.input(0), node.input(1), node.output
        self.require_int8(node, x, y)
        self.require(
            node, len(x.shape) == 4, f"input of shape {x.shape} is not NHWC", "reshape it to 4-D"
        )
        self.require(
            node,
            w.is_constant and w.dtype == INT8 and len(w.shape) == 4,
            "the filter is not a constant int8 tensor of 4 dimensions",
            "export the model with constant int8 weights",
        )
        self.require(
            node,
            w.quantization is not None
            and all(z == 0 for z in w.quant.zero_points)
            and len(w.quant.scales) in (1, w.shape[0])
            and (not w.quant.per_channel or w.quant.axis == 0),
            "the filter is not symmetrically quantized per tensor or per output channel",
            "quantize it with zero point 0",
        )
        self.require(
            node,
            w.shape[3] == x.shape[3],
            f"the filter expects {w.shape[3]} channels and the input has {x.shape[3]}",
            "split a grouped convolution into one convolution per group",
        )
        bias = node.optional_input(2)
        self.require(
            node,
            bias is None
            or (bias.is_constant and bias.dtype == INT32 and bias.shape == (w.shape[0],)),
            "the bias is not a constant int32 vector",
            "export the model with constant int32 biases",
        )
        geometry = window(node)
        self.require(
            node,
            geometry.out_height > 0 and geometry.out_width > 0,
            f"the filter {w.shape[1:3]} is larger than the input {x.shape[1:3]}",
            "use SAME padding or a smaller filter",
        )

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        geometry = window(node)
        batch, channels = node.input(0).shape[0], node.input(1).shape[0]
        return ((batch, geometry.out_height, geometry.out_width, channels),)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        x, w = inputs[0], node.input(1).constant
        assert x is not None
        zero_point = node.input(0).quant.zero_point
        acc = np.zeros((1, 1, 1, w.shape[0]), np.int64)
        bias = node.optional_input(2)
        if bias is not None:
            acc = acc + bias.constant
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
        padding = draw.choice(("SAME", "VALID"))
        dilation = (draw.integer(1, 2), draw.integer(1, 2))
        limit = 5 if padding == "SAME" else min(5, height, width)
        kernel = (draw.integer(1, limit), draw.integer(1, limit))
        if padding == "VALID":
            dilation = tuple(  # type: ignore[assignment]
                d if (k - 1) * d < size else 1
                for d, k, size in zip(dilation, kernel, (height, width), strict=True)
            )
        options = Conv2DOptions(
            padding=padding,
            stride_h=draw.integer(1, 3),
            stride_w=draw.integer(1, 3),
            fused_activation_function=draw.choice(("NONE", "RELU", "RELU6", "RELU_N1_TO_1")),
            dilation_h_factor=dilation[0],
            dilation_w_factor=dilation[1],
        )
        x = draw_quantized(draw, "input", (1, height, width, depth))
        shape = (channels, *kernel, depth)
        scales = tuple(
            float(np.float32(draw.real(0.001, 0.02))) for _ in range(draw.choice((1, channels)))
        )
        w = Tensor(
            "filter",
            shape,
            INT8,
            Quantization(scales, (0,) * len(scales), axis=0),
            draw.array(shape, -127, 127, INT8),
        )
        b = Tensor(
            "bias",
            (channels,),
            INT32,
            Quantization(
                tuple(float(np.float32(x.quant.scale * s)) for s in scales), (0,) * len(scales)
            ),
            draw.array((channels,), -20000, 20000, INT32),
        )
        inputs = (x, w, b) if draw.integer(0, 4) else (x, w, None)
        node = Node(self.name, "conv", inputs, (quantized("output", (), 1.0, 0),), options)
        shape = self.shapes(node)[0]
        return node.replace(outputs=(draw_quantized(draw, "output", shape),))


OPERATOR = Conv2D()
