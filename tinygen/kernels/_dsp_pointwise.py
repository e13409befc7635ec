"""CONV_2D 1x1 with stride 1 on cores with the DSP extension: a matrix product.

Exact: the accumulator is the same 32-bit sum in another order, or 256 times it by the proof of
:func:`._dsp.paired_words`, with the zero point folded into the bias (no padding exists), and
requantization is exact by the proof in :mod:`._dsp`.

Overlap: a block of P pixels is read whole into the scratch before its outputs are written. After
block b the kernel has written to ``output + (b + 1) P Cout`` and has yet to read from ``input +
(b + 1) P Cin``. So nothing unread is overwritten if ``output + (b + 1) P (Cout - Cin) <= input``
for every block but the last: at distance 0 where Cout <= Cin, otherwise at the distance of the
last but one block.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tinygen.kernels._dsp_conv import block_pixels, layer_of, packing, stream, tile, tile_cycles
from tinygen.kernels.base import (
    Implementation,
    Kernel,
    Overlap,
    constant,
    input_,
    output,
    scratch,
)
from tinygen.ops.conv_2d import window

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class Pointwise(Kernel):
    """Blocks of pixels by pairs of channels, accumulators in registers."""

    provider = "tinygen"
    op = "CONV_2D"
    weight_bits: ClassVar[int]

    def refusal(self, node: Node, core: Core) -> str | None:
        if not core.dsp or core.mve:
            return "the core has no DSP extension, or Helium, which is faster"
        w, geometry = node.input(1), window(node)
        if w.shape[1:3] != (1, 1) or (geometry.stride_h, geometry.stride_w) != (1, 1):
            return "the filter is not 1x1 with stride 1"
        return None

    def implement(self, node: Node, core: Core) -> Implementation:
        x = node.input(0)
        pixels, depth = x.shape[1] * x.shape[2], x.shape[3]
        layer = layer_of(node)
        # The scratch holds whole quads; what lies behind the last channel meets zero weights.
        padded = -(-depth // 4) * 4
        behind = ((0, 0), (0, 0), (0, padded - depth))
        layer = dataclasses.replace(layer, weights=np.pad(layer.weights, behind))
        packed = packing(layer, self.weight_bits)
        block = block_pixels(pixels, packed)
        blocks = -(-pixels // block)
        grows = max(layer.channels - depth, 0)
        tiles = tile(layer, packed, aligned=True, pixel_stride=padded, row_words=0)
        return Implementation(
            kernel=self,
            params={
                "pixels": pixels,
                "depth": depth,
                "channels": layer.channels,
                "block": block,
                "tile": tiles,
            },
            label=f"{pixels}x{depth}_to_{layer.channels}",
            arguments=(input_(), output(), constant("stream"), scratch()),
            constants=(stream(layer, packed, quads=True),),
            scratch_bytes=block * padded * 2,
            overlaps=(Overlap(distance=(blocks - 1) * block * grows),),
            cycles=tile_cycles(tiles, pixels, block, layer.channels) + pixels * padded * 2.0,
            code_bytes=900,
            includes=("tinygen_math.h", "tinygen_simd.h"),
        )
