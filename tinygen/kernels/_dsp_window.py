"""CONV_2D of any window on cores with the DSP extension, from a few widened input rows.

Exact: every tap meets an input value or, outside the input, the zero point, which the folded bias
takes back out: w * z is part of the sum and of the folded bias with opposite signs. The
accumulator is the same 32-bit sum in another order, or 256 times it by the proof of
:func:`._dsp.paired_words`; requantization is exact by the proof in :mod:`._dsp`.

Overlap: before the outputs of row y are written, all input rows before R(y) = y * stride - pad +
filter height have been widened into the scratch and are never read again. So nothing unread is
overwritten if ``output + (y + 1) * row_out <= input + R(y) * row_in`` for every y that leaves a
row unread; the largest difference over those rows is the distance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

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
    from tinygen.ir import Node, Shape
    from tinygen.ops.windows import Window


SMALL = 4096
"""Outputs up to which a 1x1 layer is not worth a function of its own."""


class WindowKernel(Kernel):
    """Blocks of neighbouring pixels by pairs of channels, accumulators in registers."""

    provider = "tinygen"
    op = "CONV_2D"
    weight_bits: ClassVar[int]

    def refusal(self, node: Node, core: Core) -> str | None:
        if not core.dsp or core.mve:
            return "the core has no DSP extension, or Helium, which is faster"
        geometry = window(node)
        if geometry.dilation_h != 1 or geometry.dilation_w != 1:
            return "the filter is dilated"
        alone = (geometry.height, geometry.width, geometry.stride_h, geometry.stride_w)
        if alone == (1, 1, 1, 1) and node.output.size <= SMALL:
            return "the layer is 1x1 and small; a function that others share is as good"
        if self.weight_bits == 8 and node.input(0).shape[3] % 4:
            return "the input channels are not a multiple of four"
        return None

    def implement(self, node: Node, core: Core) -> Implementation:
        x, geometry = node.input(0), window(node)
        _, height, width, depth = x.shape
        layer = layer_of(node)
        quads = depth % 4 == 0
        run = geometry.width * depth
        stride = geometry.stride_w * depth
        row_values = (geometry.out_width - 1) * stride + run + run % 2
        row_values += row_values % 2
        aligned = stride % 2 == 0
        left = geometry.pad_left * depth
        packed = packing(layer, self.weight_bits)
        block = block_pixels(geometry.out_width, packed)
        tiles = tile(
            layer,
            packed,
            aligned=aligned,
            pixel_stride=stride,
            row_words=row_values // 2,
        )
        return Implementation(
            kernel=self,
            params={
                "height": height,
                "width": width,
                "depth": depth,
                "columns": min(width, (row_values - left) // depth),
                "kernel_width": geometry.width,
                "channels": layer.channels,
                "stride_h": geometry.stride_h,
                "stride_w": geometry.stride_w,
                "pad_top": geometry.pad_top,
                "pad_left": geometry.pad_left,
                "out_height": geometry.out_height,
                "out_width": geometry.out_width,
                "zero_point": x.quant.zero_point,
                "quads": quads,
                "row_values": row_values,
                "block_pixels": block,
                "tile": tiles,
            },
            label=f"{geometry.height}x{geometry.width}x{depth}_to_{layer.channels}",
            arguments=(input_(), output(), constant("stream"), scratch()),
            constants=(stream(layer, packed, quads=quads),),
            scratch_bytes=geometry.height * row_values * 2,
            overlaps=(Overlap(distance=_distance(geometry, x.shape, layer.channels)),),
            cycles=tile_cycles(tiles, geometry.out_width, block, layer.channels)
            * geometry.out_height
            + x.size * 3.0
            + geometry.out_height * 100.0,
            code_bytes=1400,
            includes=("tinygen_math.h", "tinygen_simd.h"),
        )


def _distance(geometry: Window, shape: Shape, channels: int) -> int:
    """Smallest proven distance of the output below the input, in bytes."""
    _, height, width, depth = shape
    distances = [-height * width * depth]
    for y in range(geometry.out_height):
        unread = max(0, y * geometry.stride_h - geometry.pad_top + geometry.height)
        if unread < height:
            written = (y + 1) * geometry.out_width * channels
            distances.append(written - unread * width * depth)
    return max(distances)
