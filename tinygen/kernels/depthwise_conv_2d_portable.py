"""DEPTHWISE_CONV_2D in plain C, for every shape and every core.

Exact: the accumulator is the sum of the definition in another order, and the operator's check has
shown that no partial sum leaves 32 bits. The zero point is folded into the bias; a tap outside the
input reads a pixel that holds the zero point, so that it adds zero_point * w and the folded bias
takes it away again.

The output may slide over the input: see :func:`channelwise_overlap`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels._requantization import Requantization, fold_zero_point
from tinygen.kernels._sliding import channelwise_overlap
from tinygen.kernels.base import Constant, Implementation, Kernel, constant, input_, output
from tinygen.numerics import activation_range
from tinygen.ops.depthwise_conv_2d import requantization, window
from tinygen.ops.weights import bias_of

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node

# Up to this many taps are written out one by one; beyond, a loop goes over them.
UNROLLED_TAPS = 16


class DepthwiseConv2DPortable(Kernel):
    """Channel by channel at each pixel; the taps of one channel are unrolled."""

    name = "depthwise_conv_2d_portable"
    provider = "tinygen"
    op = "DEPTHWISE_CONV_2D"

    def implement(self, node: Node, core: Core) -> Implementation:
        x, w = node.input(0), node.input(1)
        geometry = window(node)
        _, height, width, channels = w.shape
        zero_point = x.quant.zero_point
        padded = geometry.reaches_outside(x.shape)
        sums = w.constant.sum(axis=(0, 1, 2), dtype=np.int64)
        bias = fold_zero_point(bias_of(node, channels), sums, zero_point)
        scaling = Requantization.per_channel(*requantization(node))
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        arguments = [
            input_(),
            output(),
            constant("weights"),
            constant("bias"),
            constant("multipliers"),
            constant("shifts"),
        ]
        constants = [
            Constant("weights", w.constant, f"filter, {w.shape[1:]} HWC"),
            Constant("bias", bias, "bias with the input's zero point folded in"),
            *scaling.constants,
        ]
        if padded:
            pixel = np.full(x.shape[3], zero_point, np.int8)
            arguments.append(constant("padding"))
            constants.append(Constant("padding", pixel, "a pixel of zero points", "table"))
        return Implementation(
            kernel=self,
            params={
                "window": asdict(geometry),
                "in_height": x.shape[1],
                "in_width": x.shape[2],
                "in_channels": x.shape[3],
                "multiplier": node.options.depth_multiplier,
                "padded": padded,
                "unrolled": height * width <= UNROLLED_TAPS,
                "output_zero_point": node.output.quant.zero_point,
                "low": low,
                "high": high,
                "requantize": scaling.function,
            },
            label=f"{height}x{width}x{channels}",
            arguments=tuple(arguments),
            constants=tuple(constants),
            overlaps=(channelwise_overlap(geometry, x.shape, node.options.depth_multiplier),),
            # Counts of 3x3 layers: 58 to 62 instructions per output, 106 to 127 on Armv6-M.
            cycles=node.output.size
            * (height * width * 5.0 + 30.0)
            * (0.8 if core.mainline else 1.5),
            code_bytes=500,
        )


KERNEL = DepthwiseConv2DPortable()
