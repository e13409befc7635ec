"""DEPTHWISE_CONV_2D 3x3 on cores with the DSP extension, by one function for all layers.

A channel is gathered into a plane of int16 with its padding around it, as in
:mod:`.depthwise_conv_2d_dsp_3x3`, but its outputs are computed one by one: no constant but the
number of taps is in the code. Filters are stored as they are, in 20 bytes per channel.

Exact: every tap meets an input value or the zero point, which the folded bias takes back out; the
sum is the same in another order; requantization is exact by the proof in :mod:`._dsp`, whose addend
2**(n - 1) + (z << n) is (2 z + 1) * 2**(n - 1).

Overlap: with the output at the start of the input, output values of channel c lie at addresses
that are c modulo the number of channels, where only input values of channel c were, and these have
all been gathered before the first of them is written.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels._compact import too_large
from tinygen.kernels._dsp import quad_words
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
    from tinygen.ir import Array, Node, Shape
    from tinygen.kernels._dsp import Requantizer
    from tinygen.ops.windows import Window


class DepthwiseSmall(Kernel):
    """One output at a time."""

    name = "depthwise_conv_2d_dsp_small"
    provider = "tinygen"
    op = "DEPTHWISE_CONV_2D"

    def refusal(self, node: Node, core: Core) -> str | None:
        if refused := refusal_3x3(node, core):
            return refused
        return too_large(_record(node))

    def implement(self, node: Node, core: Core) -> Implementation:
        x, geometry = node.input(0), window(node)
        channels = x.shape[3]
        weights, bias, scaling = folded_3x3(node)
        rows, width = _plane(geometry)
        outputs = geometry.out_height * geometry.out_width
        gathered = _gathered(geometry, x.shape)
        return Implementation(
            kernel=self,
            params={
                "factor": "2 * " if scaling.doubled else "",
                **scaling.context,
                "form": "general" if scaling.form == "general" else "round",
            },
            record=_record(node),
            arguments=(record(), input_(), output(), scratch()),
            constants=(_stream(weights, bias, scaling),),
            scratch_bytes=rows * width * 2,
            overlaps=(Overlap(same_start=True),),
            # Measured on Cortex-M4: a gathered value, an output, a channel.
            cycles=channels * (math.prod(gathered) * 6.0 + outputs * 36.0 + 200),
            code_bytes=420,
            includes=("tinygen_math.h", "tinygen_simd.h"),
        )


def _plane(window: Window) -> tuple[int, int]:
    """Rows of the plane and values of a row."""
    rows = (window.out_height - 1) * window.stride_h + FILTER
    return rows, (window.out_width - 1) * window.stride_w + FILTER


def _gathered(window: Window, shape: Shape) -> tuple[int, int]:
    """Rows and columns of the input that the plane has room for."""
    rows, width = _plane(window)
    return min(shape[1], rows - window.pad_top), min(shape[2], width - window.pad_left)


def _record(node: Node) -> tuple[Field, ...]:
    geometry, x = window(node), node.input(0)
    rows, width = _plane(geometry)
    gathered_rows, gathered_columns = _gathered(geometry, x.shape)
    return (
        Field("stream", "int32_t", constant("stream"), "filters, shifts, biases, multipliers"),
        Field("plane_values", "int32_t", rows * width, ""),
        Field("channels", "uint16_t", x.shape[3], ""),
        Field("in_width", "uint16_t", x.shape[2], "pixels"),
        Field("plane_width", "uint16_t", width, "values"),
        Field("gathered_rows", "uint16_t", gathered_rows, "of the input, that the plane holds"),
        Field("gathered_columns", "uint16_t", gathered_columns, "as above"),
        Field("pad_top", "uint16_t", geometry.pad_top, "pixels above the input"),
        Field("pad_left", "uint16_t", geometry.pad_left, "pixels before the input"),
        Field("out_height", "uint16_t", geometry.out_height, "pixels"),
        Field("out_width", "uint16_t", geometry.out_width, "pixels"),
        Field("stride_h", "uint16_t", geometry.stride_h, "input rows per output row"),
        Field("stride_w", "uint16_t", geometry.stride_w, "input columns per output column"),
        Field("zero_point", "int8_t", x.quant.zero_point, "of the input"),
        Field("output_zero_point", "int8_t", node.output.quant.zero_point, ""),
    )


def _stream(weights: Array, bias: Array, scaling: Requantizer) -> Constant:
    """Per channel 20 bytes: nine taps, the shift and two of nothing; bias; multiplier."""
    channels = weights.shape[2]
    taps = np.zeros((channels, 12), np.int64)
    taps[:, :9] = weights.reshape(9, channels).T
    taps[:, 9] = scaling.parameters[:, 2]
    data = np.concatenate([quad_words(taps), bias[:, None], scaling.parameters[:, :1]], axis=1)
    return Constant("stream", data.astype(np.int32), "per channel: filter, bias, requantization")


KERNEL = DepthwiseSmall()
