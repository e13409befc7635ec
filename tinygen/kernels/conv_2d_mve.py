"""CONV_2D on Helium: the windows of four pixels gathered, against two channels at a time.

Exact: every tap meets an input value or, outside the input, the zero point, which the folded bias
takes back out: w * z is part of the sum and of the folded bias with opposite signs. Behind the end
of a window weights are zero. The accumulator is the same 32-bit sum in another order, and
requantization is exact by the proof in :mod:`._mve`.

Overlap: blocks of four pixels follow each other in rising order. Block b's windows are gathered
before its outputs are written, from ``output + 4 b D`` to ``output + 4 (b + 1) D``. With C input
channels and first(q) the first input pixel that the window of output pixel q reads, nothing that is
unread is overwritten if ``output + 4 b D <= input + C min over q >= 4 b of first(q)`` for every
b >= 1; the largest difference is the distance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels._mve import INCLUDES, chunks_of, repeats, requantizer, words
from tinygen.kernels._requantization import fold_zero_point
from tinygen.kernels.base import (
    Constant,
    Implementation,
    Kernel,
    Overlap,
    constant,
    input_,
    output,
    scratch,
)
from tinygen.numerics import activation_range
from tinygen.ops.conv_2d import requantization, window
from tinygen.ops.weights import bias_of

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Array, Node, Shape
    from tinygen.kernels._mve import Requantizer
    from tinygen.ops.windows import Window

BLOCK = 4
"""Pixels at a time."""
_MOST_CHANNELS = 0xFFFF // BLOCK


class Conv2DMve(Kernel):
    """Four pixels by two channels, accumulators in registers."""

    name = "conv_2d_mve"
    provider = "tinygen"
    op = "CONV_2D"

    def refusal(self, node: Node, core: Core) -> str | None:
        if not core.mve:
            return "the core has no Helium"
        if node.output.shape[3] > _MOST_CHANNELS:
            return f"the output has more than {_MOST_CHANNELS} channels"
        return None

    def implement(self, node: Node, core: Core) -> Implementation:
        x, geometry = node.input(0), window(node)
        _, height, width, depth = x.shape
        weights = node.input(1).constant
        channels = weights.shape[0]
        taps = weights.reshape(channels, -1)
        bias = fold_zero_point(
            bias_of(node, channels), taps.sum(axis=1, dtype=np.int64), x.quant.zero_point
        )
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        scaling = requantizer(
            *requantization(node, channels), node.output.quant.zero_point, low, high
        )
        chunks = chunks_of(taps)
        pixels = geometry.out_height * geometry.out_width
        pointwise = (geometry.height, geometry.width) == (1, 1) and pixels == height * width
        runs = geometry.height * (1 if geometry.dilation_w == 1 else geometry.width)
        blocks, rest = divmod(pixels, BLOCK)
        per_chunk = blocks * (2 + 3 * BLOCK) + (2 + 3 * rest if rest else 0)
        return Implementation(
            kernel=self,
            params={
                "pointwise": pointwise,
                "height": height,
                "width": width,
                "depth": depth,
                "channels": channels,
                "kernel_height": geometry.height,
                "kernel_width": geometry.width,
                "stride_h": geometry.stride_h,
                "stride_w": geometry.stride_w,
                "dilation_h": geometry.dilation_h,
                "dilation_w": geometry.dilation_w,
                "span_h": (geometry.height - 1) * geometry.dilation_h + 1,
                "span_w": (geometry.width - 1) * geometry.dilation_w + 1,
                "pad_top": geometry.pad_top,
                "pad_left": geometry.pad_left,
                "out_height": geometry.out_height,
                "out_width": geometry.out_width,
                "reaches_outside": geometry.reaches_outside(x.shape),
                "zero_point": x.quant.zero_point,
                "window_bytes": chunks.shape[1] * chunks.shape[2],
                **repeats(chunks.shape[1]),
                **scaling.context,
            },
            label=f"{geometry.height}x{geometry.width}x{depth}_to_{channels}",
            arguments=(input_(), output(), constant("stream"), scratch()),
            constants=(_stream(chunks, bias, scaling),),
            scratch_bytes=BLOCK * chunks.shape[1] * chunks.shape[2],
            overlaps=(Overlap(distance=_distance(geometry, x.shape, channels)),),
            # Instructions, measured on Cortex-M55.
            cycles=-(-channels // 2) * (per_chunk * chunks.shape[1] + (blocks + bool(rest)) * 28.0)
            + pixels * ((0 if pointwise else 20) + runs * 6.0 + taps.shape[1] * 3 / 16),
            code_bytes=700,
            includes=INCLUDES,
        )


def _stream(chunks: Array, bias: Array, scaling: Requantizer) -> Constant:
    """Per pair of channels: chunks of weights in turn, biases, requantization words in turn.

    An odd last channel has chunks of its own, and its words twice.
    """
    parts: list[Array] = []
    for first in range(0, len(bias), 2):
        pair = slice(first, first + 2)
        parts.append(words(chunks[pair].transpose(1, 0, 2)))
        both = np.arange(first, first + 2).clip(max=len(bias) - 1)
        parts += [bias[both], scaling.parameters[both].T.reshape(-1)]
    return Constant(
        "stream",
        np.concatenate(parts).astype(np.int32),
        "per two channels: weights, biases, requantization",
    )


def _distance(geometry: Window, shape: Shape, channels: int) -> int:
    """Smallest proven distance of the output below the input, in bytes."""
    _, height, width, depth = shape
    rows = np.arange(geometry.out_height) * geometry.stride_h - geometry.pad_top
    columns = np.arange(geometry.out_width) * geometry.stride_w - geometry.pad_left
    first = np.maximum(rows, 0)[:, None] * width + np.maximum(columns, 0)
    unread = np.minimum.accumulate(first.reshape(-1)[::-1])[::-1]
    starts = np.arange(BLOCK, unread.size, BLOCK)
    return max(
        (int(d) for d in starts * channels - unread[starts] * depth),
        default=-height * width * depth,
    )


KERNEL = Conv2DMve()
