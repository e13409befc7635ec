"""CONV_2D without dilation on cores with the DSP extension: a matrix product of widened columns.

A block of up to four neighbouring pixels takes what lies under its filter, widens it to int16 pairs
and lays the pixels' pairs next to each other. A step of the product then reads two words per load,
of the weights as of the pixels, in rising order, whatever the shape of the layer. So the shape
is in the layer's record, and one function serves all layers that agree in how they requantize.

Exact: every tap meets an input value or, outside the input, the zero point, which the folded bias
takes back out: w * z is part of the sum and of the folded bias with opposite signs. What fills rows
up to fours, and columns to whole loops, meets zero weights. The accumulator is the same 32-bit sum
in another order, or 256 times it by the proof of :func:`._dsp.paired_words`; requantization is
exact by the proof in :mod:`._dsp`. An odd last channel is computed together with the one before
it, which is computed a second time, from the same columns.

Overlap: see :func:`._sliding.blockwise_overlap`; the columns of a block are complete before any of
its outputs is written.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tinygen.kernels._compact import too_large
from tinygen.kernels._dsp import paired_bias, paired_words, quad_words
from tinygen.kernels._dsp_conv import OUTPUT, SUMS, layer_of, packing
from tinygen.kernels._sliding import blockwise_overlap
from tinygen.kernels.base import (
    Constant,
    Field,
    Implementation,
    Kernel,
    constant,
    input_,
    output,
    record,
    scratch,
)
from tinygen.ops.conv_2d import window
from tinygen.ops.windows import Window

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Array, Node, Shape
    from tinygen.kernels._dsp_conv import Layer

BLOCK = 4
"""Pixels of a block: with two channels, as many accumulators as there are registers for."""
UNROLLS = (2, 4, 8)
"""Steps of a loop body; powers of two, so that many layers share a function."""


class ColumnsKernel(Kernel):
    """Blocks of four pixels by pairs of channels, accumulators in registers.

    A ``small`` kernel is one function for nearly all layers: it looks for padding everywhere, loops
    over two steps, and takes what is left of a row as a block of which not all is written.
    """

    small: ClassVar[bool] = False
    provider = "tinygen"
    op = "CONV_2D"

    def refusal(self, node: Node, core: Core) -> str | None:
        if not core.dsp or core.mve:
            return "the core has no DSP extension, or Helium, which is faster"
        geometry = window(node)
        if (geometry.dilation_h, geometry.dilation_w) != (1, 1):
            return "the filter is dilated"
        return too_large(self._record(node, 0))

    def implement(self, node: Node, core: Core) -> Implementation:
        geometry, shape = _image(node)
        layer = layer_of(node)
        run = geometry.width * shape[3]
        behind = ((0, 0), (0, 0), (0, -run % 4))
        layer = dataclasses.replace(layer, weights=np.pad(layer.weights, behind))
        packed = packing(layer, 8)
        rows = geometry.height
        fours = rows * -(-run // 4)
        unroll = UNROLLS[0] if self.small else _unroll(fours)
        filled = -(-fours // unroll) * unroll
        block = self._block(geometry.out_width)
        rest = geometry.out_width % block
        lanes = min(2, layer.channels)
        padded = self.small or geometry.reaches_outside(shape)
        looped = self.small or filled > unroll
        form = layer.scaling.form
        if self.small and form == "relu":
            form = "round"
        blocks = geometry.out_height * (geometry.out_width // block)
        rests = geometry.out_height if rest else 0

        def cycles(pixels: int) -> float:
            """Of a block of so many pixels, as measured on Cortex-M4."""
            widening = rows * (10 + (70 if self.small else 35) * pixels * padded) + fours * (
                4 + 4 * pixels
            )
            share = _loop(fours, unroll) * (3 + 5 * pixels) / 23
            per_output = OUTPUT[form] + 1
            tile = share + 2 * pixels * per_output + (60 if self.small else 30)
            return widening + -(-layer.channels // 2) * tile + 20

        return Implementation(
            kernel=self,
            params={
                "packed": packed,
                "padded": padded,
                "unroll": unroll,
                "looped": looped,
                "lanes": lanes,
                "block_pixels": block,
                "rest": 0 if self.small else rest,
                "small": self.small,
                "sum": SUMS[packed][layer.scaling.doubled],
                **layer.scaling.context,
                "form": form,
            },
            record=self._record(node, 2 * filled),
            label=""
            if self.small
            else "_".join(
                [
                    f"{block}x{unroll}",
                    *(["looped"] if looped else []),
                    *([f"rest_{rest}"] if rest else []),
                    form,
                ]
            ),
            arguments=(record(), input_(), output(), scratch()),
            constants=(_stream(layer, packed, filled, [0, 2] if self.small else [0, 1, 2]),),
            scratch_bytes=block * (filled * 8 + padded * (run + -run % 4)),
            overlaps=(blockwise_overlap(geometry, shape, layer.channels, block),),
            cycles=blocks * cycles(block) + rests * cycles(block if self.small else rest),
            code_bytes=950 if self.small else 600 + unroll * (60 if not rest else 90),
            includes=("<string.h>", "tinygen_math.h", "tinygen_simd.h"),
        )

    def _block(self, pixels: int) -> int:
        """Pixels of a block for rows of so many: four, or three where only that leaves no rest."""
        if self.small:
            return BLOCK
        return 3 if pixels in (3, 6, 9) else min(BLOCK, pixels)

    def _record(self, node: Node, words: int) -> tuple[Field, ...]:
        geometry, shape = _image(node)
        _, height, in_width, depth = shape
        padded = self.small or geometry.reaches_outside(shape)
        block = self._block(geometry.out_width)
        padding = (
            Field("in_height", "uint16_t", height, "pixels"),
            Field("in_width", "uint16_t", in_width, "pixels"),
            Field("depth", "uint16_t", depth, "input channels"),
            Field("stride_h", "uint16_t", geometry.stride_h, "input rows per output row"),
            Field("stride", "uint16_t", geometry.stride_w, "input columns per output column"),
            Field("pad_top", "uint16_t", geometry.pad_top, "pixels above the input"),
            Field("pad_left", "uint16_t", geometry.pad_left, "pixels before the input"),
            Field("zero_point", "int8_t", node.input(0).quant.zero_point, "of the input"),
        )
        zero_point = Field("output_zero_point", "int8_t", node.output.quant.zero_point, "")
        width = Field("out_width", "uint16_t", geometry.out_width, "pixels")
        blocks = Field("blocks", "uint16_t", geometry.out_width // block, "whole, of a row")
        inside = (
            Field("line_step", "int32_t", geometry.stride_h * in_width * depth, "to the next line"),
            Field("row_step", "int32_t", in_width * depth, "bytes from one filter row to the next"),
            Field("pixel_step", "int32_t", geometry.stride_w * depth, "bytes to the next pixel"),
        )
        return (
            Field("stream", "int32_t", constant("stream"), "biases, weights, requantization"),
            Field("words", "int32_t", words, "of a pixel's column"),
            Field("run", "int32_t", geometry.width * depth, "values of a filter row"),
            Field("rows", "uint16_t", geometry.height, "of the filter"),
            Field("channels", "uint16_t", node.output.shape[3], "of the output"),
            Field("out_height", "uint16_t", geometry.out_height, "pixels"),
            width if self.small else blocks,
            *((zero_point,) if self.small else ()),
            *(padding if padded else inside),
        )


def _unroll(fours: int) -> int:
    """Steps of a loop body: the most that take hardly longer than the best, for others to share."""
    best = min(_loop(fours, n) for n in UNROLLS)
    return max(n for n in UNROLLS if _loop(fours, n) <= best * 1.1)


def _loop(fours: int, unroll: int) -> int:
    """Instructions of a tile's steps in loops of ``unroll``, four pixels by two channels."""
    passes = -(-fours // unroll)
    return passes * 23 * unroll + (7 * passes + 9 if passes > 1 else 0)


def _image(node: Node) -> tuple[Window, Shape]:
    """The window, and the input's shape; where all pixels follow each other, as one row of them."""
    geometry, shape = window(node), node.input(0).shape
    alone = (geometry.height, geometry.width, geometry.stride_h, geometry.stride_w)
    if alone != (1, 1, 1, 1) or geometry.reaches_outside(shape):
        return geometry, shape
    pixels = shape[1] * shape[2]
    return Window(1, 1, 1, 1, 1, 1, 0, 0, 1, pixels), (1, 1, pixels, shape[3])


def _stream(layer: Layer, packed: str, filled: int, columns: list[int]) -> Constant:
    """Per pair of channels: biases, words of four weights of each in turn, requantization words.

    An odd last channel comes with the one before it. Of the requantization's words, those in
    ``columns`` are stored.
    """
    channels = layer.channels
    flat = layer.weights.reshape(channels, -1)
    fours = np.pad(flat, ((0, 0), (0, filled * 4 - flat.shape[1])))
    paired = packed == "paired"
    words = paired_words(fours) if paired else quad_words(fours)
    bias = paired_bias(layer.bias, fours) if paired else layer.bias
    scaling = layer.scaling.parameters[:, columns]
    parts: list[Array] = []
    for end in range(2, channels + 2, 2):
        pair = slice(max(0, min(end, channels) - 2), end)
        parts += [bias[pair], words[pair].T.reshape(-1), scaling[pair].reshape(-1)]
    data = np.concatenate(parts).astype(np.int32)
    return Constant("stream", data, f"biases, {packed} weights, requantization")
