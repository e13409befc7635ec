"""CONV_2D in plain C, for every shape and every core.

Exact: the accumulator is the sum of the definition in another order, and the operator's check has
shown that no partial sum leaves 32 bits. Where no window reaches outside the input, the bias holds
the contribution of the zero point. Elsewhere taps outside the input contribute
(zero_point - zero_point) * w = 0 and are left out.

The output may slide over the input: see :func:`pixelwise_overlap`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels._interleave import block_of, interleave, output_cycles, raise_weights
from tinygen.kernels._requantization import Requantization, fold_zero_point
from tinygen.kernels._sliding import pixelwise_overlap
from tinygen.kernels.base import Constant, Implementation, Kernel, constant, input_, output
from tinygen.numerics import activation_range
from tinygen.ops.conv_2d import requantization, window
from tinygen.ops.weights import bias_of

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class Conv2DPortable(Kernel):
    """Direct convolution, four output channels at a time."""

    name = "conv_2d_portable"
    provider = "tinygen"
    op = "CONV_2D"

    def implement(self, node: Node, core: Core) -> Implementation:
        x, w = node.input(0), node.input(1)
        geometry = window(node)
        channels = w.shape[0]
        zero_point = x.quant.zero_point
        padded = geometry.reaches_outside(x.shape)
        sums = w.constant.sum(axis=(1, 2, 3), dtype=np.int64)
        bias = fold_zero_point(bias_of(node, channels), sums, 0 if padded else zero_point)
        scaling = Requantization.per_channel(*requantization(node, channels))
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        block = block_of(channels, core)
        flat = interleave(w.constant.reshape(channels, -1), block)
        # Armv6-M loads a byte with an offset only as an unsigned one.
        raised = not core.mainline
        return Implementation(
            kernel=self,
            params={
                "window": asdict(geometry),
                "in_height": x.shape[1],
                "in_width": x.shape[2],
                "in_channels": x.shape[3],
                "channels": channels,
                "block": block,
                "raised": raised,
                "weight": "uint8_t" if raised else "int8_t",
                "padded": padded,
                "zero_point": zero_point if padded else 0,
                "output_zero_point": node.output.quant.zero_point,
                "low": low,
                "high": high,
                "requantize": scaling.function,
            },
            label=f"{w.shape[1]}x{w.shape[2]}x{w.shape[3]}_to_{channels}",
            arguments=(
                input_(),
                output(),
                constant("weights"),
                constant("bias"),
                constant("multipliers"),
                constant("shifts"),
            ),
            constants=(
                Constant(
                    "weights",
                    raise_weights(flat) if raised else flat,
                    f"filter, {w.shape} OHWI, {block} output channels interleaved",
                ),
                Constant(
                    "bias", bias, "bias" + ("" if padded else " with the zero point folded in")
                ),
                *scaling.constants,
            ),
            overlaps=(pixelwise_overlap(geometry, x.shape, channels),),
            cycles=node.output.size * output_cycles(w.size // channels, core),
            code_bytes=750,
        )


KERNEL = Conv2DPortable()
