"""DEPTHWISE_CONV_2D by CMSIS-NN.

Exact for the reasons of CONV_2D. An input of one channel is convolved as CONV_2D: the filter's
transposition from 1HWO to OHW1 is done here, where CMSIS-NN would do it on the target at every
inference (Helium), or take its slowest routine (all other cores).
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels._cmsis_nn import (
    INCLUDES,
    accumulator_refusal,
    bias_constant,
    channel_constants,
    flavour,
    padded,
    size_refusal,
)
from tinygen.kernels._cmsis_nn_convolution import Convolution
from tinygen.kernels._cmsis_nn_cost import depthwise_cost, slowdown
from tinygen.kernels._cmsis_nn_size import linked
from tinygen.kernels.base import Constant, Implementation, Kernel, constant, input_, output, scratch
from tinygen.numerics import activation_range
from tinygen.ops.depthwise_conv_2d import requantization, window

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node
    from tinygen.ops.windows import Window

# Channels that the Helium routine gathers at a time (upstream's CH_IN_BLOCK_MVE).
_HELIUM_BLOCK = 124


class DepthwiseConv2DCmsisNN(Kernel):
    """The routine that arm_depthwise_conv_wrapper_s8 would choose."""

    name = "depthwise_conv_2d_cmsis_nn"
    provider = "cmsis_nn"
    op = "DEPTHWISE_CONV_2D"

    def refusal(self, node: Node, core: Core) -> str | None:
        if node.input(0).shape[3] == 1:
            return self._as_convolution(node).refusal()
        weights = np.moveaxis(node.input(1).constant, 3, 0)
        bias = bias_constant(node, len(weights))
        return size_refusal(node) or accumulator_refusal(bias, weights, requantization(node)[1])

    def implement(self, node: Node, core: Core) -> Implementation:
        if node.input(0).shape[3] == 1:
            return self._as_convolution(node).implementation(self, core)
        over = _normalised(window(node))
        channels = node.output.shape[3]
        routine = self._routine(node, over, core)
        scratch_bytes = self._scratch_bytes(node, over, routine, core)
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        weights = node.input(1).constant
        # The Helium routine loads four weights at a time up to the last channel.
        if core.mve:
            weights = padded(weights, -channels % 4)
        return Implementation(
            kernel=self,
            params={
                "routine": routine,
                "window": asdict(over),
                "in_height": node.input(0).shape[1],
                "in_width": node.input(0).shape[2],
                "in_channels": node.input(0).shape[3],
                "channels": channels,
                "multiplier": node.options.depth_multiplier,
                "input_zero_point": node.input(0).quant.zero_point,
                "output_zero_point": node.output.quant.zero_point,
                "low": low,
                "high": high,
                "uses_scratch": scratch_bytes > 0,
            },
            label=f"{over.height}x{over.width}x{channels}",
            arguments=(
                input_(),
                output(),
                constant("weights"),
                constant("bias"),
                constant("multipliers"),
                constant("shifts"),
                *([scratch()] if scratch_bytes else []),
            ),
            constants=(
                Constant("weights", weights, f"filter, {node.input(1).shape} 1HWO"),
                *channel_constants(
                    bias_constant(node, channels), *requantization(node), core, whole_vectors=True
                ),
            ),
            scratch_bytes=scratch_bytes,
            cycles=depthwise_cost(
                flavour(core), routine, over, channels, node.options.depth_multiplier
            )
            * slowdown(core, "depthwise"),
            linked=linked(routine, core),
            includes=INCLUDES,
        )

    def _as_convolution(self, node: Node) -> Convolution:
        weights = np.ascontiguousarray(node.input(1).constant.transpose(3, 1, 2, 0))
        return Convolution.of(node, weights, requantization(node), window(node))

    def _routine(self, node: Node, over: Window, core: Core) -> str:
        simple = node.options.depth_multiplier == over.dilation_h == over.dilation_w == 1
        if not simple:
            return "arm_depthwise_conv_s8"
        three = over.height == over.width == 3 and over.pad_top <= 1 and over.pad_left <= 1
        if three and not core.mve:
            return "arm_depthwise_conv_3x3_s8"
        # Without SIMD the optimized routine is the plain one under another name.
        return "arm_depthwise_conv_s8_opt" if core.dsp else "arm_depthwise_conv_s8"

    def _scratch_bytes(self, node: Node, over: Window, routine: str, core: Core) -> int:
        """One window as int16 with DSP instructions, four windows of a block with Helium."""
        if routine != "arm_depthwise_conv_s8_opt":
            return 0
        taps = over.height * over.width
        return 4 * _HELIUM_BLOCK * taps if core.mve else 2 * node.input(0).shape[3] * taps


def _normalised(over: Window) -> Window:
    """With the dilation taken as 1 where the window has one element and it has no meaning."""
    return replace(
        over,
        dilation_h=over.dilation_h if over.height > 1 else 1,
        dilation_w=over.dilation_w if over.width > 1 else 1,
    )


KERNEL = DepthwiseConv2DCmsisNN()
