"""DEPTHWISE_CONV_2D of any filter on cores with the DSP extension, one channel at a time.

A channel is gathered from NHWC into a plane of int16 with its padding around it, over which each
of its output channels is a convolution of one channel: neighbouring pixels together, two taps of
a filter row per multiplication. A filter dilated along its rows has zeros between its taps.

Exact: every tap meets an input value or the zero point, which the folded bias takes back out, and
zeros add nothing; the sum is the same in another order; requantization is exact by the proof in
:mod:`._dsp`.

Overlap, with one output channel per input channel: with the output at the start of the input,
output values of channel c lie at addresses that are c modulo the number of channels, where only
input values of channel c were, and these have all been gathered before the first of them is
written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels._dsp import Requantizer, accumulator_bound, requantizer
from tinygen.kernels._dsp_conv import Layer, tile, wide_words
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
from tinygen.ops.depthwise_conv_2d import requantization, window
from tinygen.ops.weights import bias_of

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Array, Node

PIXELS = 8
"""Neighbouring outputs that are computed together, at most."""


class DepthwisePlane(Kernel):
    """Up to eight outputs of one channel at a time."""

    name = "depthwise_conv_2d_dsp_plane"
    provider = "tinygen"
    op = "DEPTHWISE_CONV_2D"

    def refusal(self, node: Node, core: Core) -> str | None:
        if not core.dsp or core.mve:
            return "the core has no DSP extension, or Helium, which is faster"
        return None

    def implement(self, node: Node, core: Core) -> Implementation:
        x, geometry = node.input(0), window(node)
        _, height, width, channels = x.shape
        layer = _layer(node)
        run = layer.weights.shape[2]
        row_values = (geometry.out_width - 1) * geometry.stride_w + run + run % 2
        row_values += row_values % 2
        rows = (geometry.out_height - 1) * geometry.stride_h
        rows += (geometry.height - 1) * geometry.dilation_h + 1
        gathered = min(height, rows - geometry.pad_top), min(width, row_values - geometry.pad_left)
        tiles = tile(
            layer,
            "int16",
            aligned=geometry.stride_w % 2 == 0,
            pixel_stride=geometry.stride_w,
            row_words=geometry.dilation_h * row_values // 2,
        )
        block = _block(geometry.out_width)
        blocks = geometry.out_height * -(-geometry.out_width // block)
        steps = geometry.height * -(-run // 2)
        outputs = geometry.out_height * geometry.out_width
        multiplier = layer.channels // channels
        return Implementation(
            kernel=self,
            params={
                "height": height,
                "width": width,
                "channels": channels,
                "multiplier": multiplier,
                "filter_width": geometry.width,
                "stride_h": geometry.stride_h,
                "pad_top": geometry.pad_top,
                "pad_left": geometry.pad_left,
                "out_height": geometry.out_height,
                "out_width": geometry.out_width,
                "zero_point": x.quant.zero_point,
                "plane_rows": rows,
                "row_values": row_values,
                "gathered_rows": gathered[0],
                "gathered_columns": gathered[1],
                "block": block,
                "words": 4 + steps,
                "tile": tiles,
            },
            label=f"{geometry.height}x{geometry.width}x{channels}_to_{layer.channels}",
            arguments=(input_(), output(), constant("stream"), scratch()),
            constants=(_stream(layer),),
            scratch_bytes=rows * row_values * 2,
            overlaps=(Overlap(same_start=True),) if multiplier == 1 else (),
            # Measured on Cortex-M4: a gathered value, an output, a block, a channel.
            cycles=channels * (gathered[0] * (gathered[1] * 3.0 + 6.0) + 30.0)
            + layer.channels * (outputs * (steps * 2.0 + 6.0) + blocks * (steps * 1.2 + 14.0)),
            code_bytes=500 + 8 * block * (steps if tiles["flat"] else tiles["run_steps"]),
            includes=("tinygen_math.h", "tinygen_simd.h"),
        )


def _layer(node: Node) -> Layer:
    """The numbers of the node, zeros between the taps of dilated rows."""
    geometry = window(node)
    filters = node.input(1).constant[0].transpose(2, 0, 1)
    channels = filters.shape[0]
    bias = fold_zero_point(
        bias_of(node, channels),
        filters.sum(axis=(1, 2), dtype=np.int64),
        node.input(0).quant.zero_point,
    )
    run = (geometry.width - 1) * geometry.dilation_w + 1
    weights = np.zeros((channels, geometry.height, run), np.int8)
    weights[:, :, :: geometry.dilation_w] = filters
    bound = accumulator_bound(weights.reshape(channels, -1), bias)
    low, high = activation_range(node.options.fused_activation_function, node.output.quant)
    scaling: Requantizer = requantizer(
        *requantization(node), bound, node.output.quant.zero_point, low, high
    )
    return Layer(weights, bias, scaling, bound)


def _block(pixels: int) -> int:
    """Outputs of a block for rows of so many: few blocks, then blocks of equal size."""
    return -(-pixels // -(-pixels // PIXELS))


def _stream(layer: Layer) -> Constant:
    """Per output channel: bias, pairs of weights of the filter rows, requantization."""
    factor = 2 if layer.scaling.doubled else 1
    words: Array = wide_words(layer.weights * np.int64(factor), quads=False)
    bias = (layer.bias.astype(np.int64) * factor)[:, None]
    data = np.concatenate([bias, words, layer.scaling.parameters], axis=1)
    return Constant("stream", data.astype(np.int32), "per channel: bias, filter, requantization")


KERNEL = DepthwisePlane()
