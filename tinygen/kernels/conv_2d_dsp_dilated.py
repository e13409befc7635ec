"""CONV_2D with a dilated filter on cores with the DSP extension, one output row at a time.

The values that each tap of the filter meets along an output row are gathered into the scratch and
widened, tap after tap, so that what a block of pixels needs lies as it does for a dense filter
with one column and as many rows as there are taps.

Exact: every tap meets an input value or, outside the input, the zero point, which the folded bias
takes back out. The accumulator is the same 32-bit sum in another order; requantization is exact by
the proof in :mod:`._dsp`.

Overlap: when the outputs of row y are written, everything they need has been gathered. Later rows
read no input row before (y + 1) * stride - pad. So nothing unread is overwritten if ``output +
(y + 1) * row_out <= input + max(0, (y + 1) * stride - pad) * row_in`` for every y but the last.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tinygen.kernels._dsp_conv import Packing, block_pixels, layer_of, stream, tile, tile_cycles
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
    from tinygen.ops.windows import Window

PACKED: Packing = "int16"


class DilatedConvolution(Kernel):
    """Blocks of neighbouring pixels by pairs of channels, int16 weights."""

    name = "conv_2d_dsp_dilated"
    provider = "tinygen"
    op = "CONV_2D"

    def refusal(self, node: Node, core: Core) -> str | None:
        if not core.dsp or core.mve:
            return "the core has no DSP extension, or Helium, which is faster"
        geometry = window(node)
        if (geometry.dilation_h, geometry.dilation_w) == (1, 1):
            return "the filter is not dilated; dense ones need no gathering"
        return None

    def implement(self, node: Node, core: Core) -> Implementation:
        x, geometry = node.input(0), window(node)
        _, height, width, depth = x.shape
        layer, taps = layer_of(node), geometry.height * geometry.width
        layer = dataclasses.replace(layer, weights=layer.weights.reshape(-1, taps, depth))
        quads = depth % 4 == 0
        padded = depth + depth % 2
        pixels = geometry.out_height * geometry.out_width
        block = block_pixels(geometry.out_width, PACKED)
        tiles = tile(
            layer,
            PACKED,
            aligned=True,
            pixel_stride=padded,
            row_words=geometry.out_width * padded // 2,
        )
        return Implementation(
            kernel=self,
            params={
                "height": height,
                "width": width,
                "depth": depth,
                "padded": padded,
                "channels": layer.channels,
                "window": dataclasses.asdict(geometry),
                "zero_point": x.quant.zero_point,
                "quads": quads,
                "block_pixels": block,
                "tile": tiles,
            },
            label=f"{geometry.height}x{geometry.width}x{depth}_to_{layer.channels}",
            arguments=(input_(), output(), constant("stream"), scratch()),
            constants=(stream(layer, PACKED, quads=quads),),
            scratch_bytes=taps * geometry.out_width * padded * 2,
            overlaps=(Overlap(distance=_distance(geometry, node)),),
            # Measured on Cortex-M4: a gathered value and pixel.
            cycles=tile_cycles(tiles, geometry.out_width, block, layer.channels)
            * geometry.out_height
            + pixels * taps * (padded * 1.6 + 14.0),
            code_bytes=1500,
            includes=("tinygen_math.h", "tinygen_simd.h"),
        )


def _distance(geometry: Window, node: Node) -> int:
    """Smallest proven distance of the output below the input, in bytes."""
    _, height, width, depth = node.input(0).shape
    row_in, row_out = width * depth, geometry.out_width * node.output.shape[3]
    return max(
        (
            y * row_out - max(0, y * geometry.stride_h - geometry.pad_top) * row_in
            for y in range(1, geometry.out_height)
        ),
        default=-height * row_in,
    )


KERNEL = DilatedConvolution()
