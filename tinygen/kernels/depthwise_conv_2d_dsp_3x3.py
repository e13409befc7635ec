"""DEPTHWISE_CONV_2D 3x3 on cores with the DSP extension, one channel at a time.

A channel is gathered from NHWC into a plane of int16 with its padding around it, in which two
neighbouring values are a pair: an output then takes three SMLAD and three SMLA instead of nine of
each load and multiplication.

Exact: every tap meets an input value or the zero point, which the folded bias takes back out; the
sum is the same in another order; requantization is exact by the proof in :mod:`._dsp`.

Overlap: with the output at the start of the input, output values of channel c lie at addresses
that are c modulo the number of channels, where only input values of channel c were, and these have
all been gathered before the first of them is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels._dsp import pair_words
from tinygen.kernels._dsp_depthwise import FILTER, folded_3x3, refusal_3x3
from tinygen.kernels.base import (
    Constant,
    Field,
    Implementation,
    Kernel,
    Overlap,
    constant,
    input_,
    output,
    record,
    scratch,
)
from tinygen.ops.depthwise_conv_2d import window

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Array, Node
    from tinygen.kernels._dsp import Requantizer

SMALL = 4096
"""Outputs up to which layers that differ in channels share a function: 5 % of little time."""
WRITTEN_OUT = 4
"""Output pairs of a row up to which the row is written out without a loop."""
UNROLLS = (4, 3)
"""Output pairs, and input columns by two, of a loop body otherwise."""


class Depthwise3x3(Kernel):
    """Two outputs of one channel at a time."""

    name = "depthwise_conv_2d_dsp_3x3"
    provider = "tinygen"
    op = "DEPTHWISE_CONV_2D"

    def refusal(self, node: Node, core: Core) -> str | None:
        if refused := refusal_3x3(node, core):
            return refused
        if window(node).stride_w not in (1, 2):
            return "the horizontal stride is not 1 or 2"
        return None

    def implement(self, node: Node, core: Core) -> Implementation:
        x, geometry = node.input(0), window(node)
        _, height, width, channels = x.shape
        weights, bias, scaling = folded_3x3(node)
        shared = node.output.size <= SMALL
        pairs = -(-geometry.out_width // 2)
        # Where a body of three leaves no rest and one of four does, it is the shorter code.
        unroll = min(UNROLLS, key=lambda n: pairs % n)
        # A step reads up to the word behind the last column of its outputs.
        row_words = pairs * geometry.stride_w + 1
        outputs = geometry.out_height * geometry.out_width
        rows = (geometry.out_height - 1) * geometry.stride_h + FILTER
        gathered = min(height, rows - geometry.pad_top) * min(
            width, row_words * 2 - geometry.pad_left
        )
        return Implementation(
            kernel=self,
            params={
                "height": height,
                "width": width,
                "channels": 0 if shared else channels,
                "stride_h": geometry.stride_h,
                "stride_w": geometry.stride_w,
                "pad_top": geometry.pad_top,
                "pad_left": geometry.pad_left,
                "out_height": geometry.out_height,
                "out_width": geometry.out_width,
                "zero_point": x.quant.zero_point,
                "plane_rows": rows,
                "row_words": row_words,
                "gathered_rows": min(height, rows - geometry.pad_top),
                "gathered_columns": min(width, row_words * 2 - geometry.pad_left),
                "pairs": pairs,
                "written_out": pairs <= WRITTEN_OUT,
                "unroll": unroll,
                **scaling.context,
            },
            label=f"{height}x{width}{'' if shared else f'x{channels}'}_s{geometry.stride_w}",
            record=(Field("channels", "int32_t", channels, ""),) if shared else (),
            arguments=(
                *((record(),) if shared else ()),
                input_(),
                output(),
                constant("stream"),
                scratch(),
            ),
            constants=(_stream(weights, bias, scaling),),
            scratch_bytes=rows * row_words * 4,
            overlaps=(Overlap(same_start=True),),
            # Measured on Cortex-M4: a gathered value, an output, a channel.
            cycles=channels * (gathered * 2.2 + outputs * 15.5 + 80),
            code_bytes=300 + 100 * min(pairs, 2 * unroll),
            includes=("tinygen_math.h", "tinygen_simd.h"),
        )


def _stream(weights: Array, bias: Array, scaling: Requantizer) -> Constant:
    """Per channel: pairs (w0, w1) of the filter rows, pairs (w1, w2), bias, requantization."""
    factor = 2 if scaling.doubled else 1
    taps = weights.transpose(2, 0, 1) * factor
    data = np.concatenate(
        [
            pair_words(taps[:, :, 0], taps[:, :, 1]),
            pair_words(taps[:, :, 1], taps[:, :, 2]),
            (bias.astype(np.int64) * factor)[:, None],
            scaling.parameters,
        ],
        axis=1,
    )
    return Constant("stream", data.astype(np.int32), "per channel: filter, bias, requantization")


KERNEL = Depthwise3x3()
