"""CONV_2D 3x3 with stride 1 on cores with the DSP extension, by exact integer Winograd.

The input is transformed strip by strip (a strip is a row of tiles) and tile by tile within a
strip; four tiles together meet the transformed filters of two output channels, position by
position, in registers; the products are transformed back, requantized and written.

Exact by the proof in :mod:`._winograd` and, for requantization, in :mod:`._dsp`. Outside the input
lies the zero point, which the folded bias takes back out.

Overlap: the rows of strip t are read, all of them, before any output of strip t or of a later one
is written: outputs are written once their tiles have been taken from the transformed strip. At that
time the outputs of the rows before (t + 1) m may have been written, and of the input only the rows
from (t + 1) m - pad on will be read again, if there is another strip. So nothing unread is
overwritten if ``output + (t + 1) m * row_out <= input + max(0, (t + 1) m - pad) * row_in`` for
every strip but the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tinygen.kernels._dsp import pair_words
from tinygen.kernels._dsp_conv import layer_of
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
from tinygen.numerics import wrap_int32
from tinygen.ops.conv_2d import window

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Array, Node
    from tinygen.kernels._dsp_conv import Layer
    from tinygen.kernels._winograd import Transform
    from tinygen.ops.windows import Window

TILES = 4
"""Tiles that are multiplied together."""
FLAT_STEPS = 8
"""Pairs of channels up to which the products of a position are written out without a loop."""
UNROLL = 8
"""Pairs of channels of a loop body otherwise."""


class WinogradKernel(Kernel):
    """Two channels by four tiles, accumulators in registers."""

    provider = "tinygen"
    op = "CONV_2D"
    transform: ClassVar[Transform]
    cycles_per_output: ClassVar[float]
    cycles_per_value: ClassVar[float]

    def refusal(self, node: Node, core: Core) -> str | None:
        if not core.dsp or core.mve:
            return "the core has no DSP extension, or Helium, which is faster"
        geometry = window(node)
        if (geometry.height, geometry.width) != (3, 3):
            return "the filter is not 3x3"
        if {geometry.stride_h, geometry.stride_w, geometry.dilation_h, geometry.dilation_w} != {1}:
            return "the filter has strides or is dilated"
        if node.input(0).shape[3] % 4:
            return "the input channels are not a multiple of four"
        if node.output.shape[3] % 2:
            return "the output channels are not a multiple of two"
        if layer_of(node).bound >= self.transform.limit:
            return "accumulators may reach what the transformed sums cannot tell apart"
        return None

    def implement(self, node: Node, core: Core) -> Implementation:
        x, geometry, transform = node.input(0), window(node), self.transform
        _, height, width, depth = x.shape
        layer = layer_of(node)
        across = -(-geometry.out_width // transform.outputs)
        down = -(-geometry.out_height // transform.outputs)
        tiles, positions, pairs = min(TILES, across * down), transform.size**2, depth // 2
        columns = across * transform.outputs + 2
        # A strip that reaches above or below the input reads this row there.
        outside = geometry.pad_top > 0 or down * transform.outputs + 2 > height
        doubled = layer.scaling.doubled
        return Implementation(
            kernel=self,
            params={
                "height": height,
                "width": width,
                "depth": depth,
                "channels": layer.channels,
                "pad_top": geometry.pad_top,
                "pad_left": geometry.pad_left,
                "out_height": geometry.out_height,
                "out_width": geometry.out_width,
                "zero_point": x.quant.zero_point,
                "outputs": transform.outputs,
                "size": transform.size,
                "across": across,
                "down": down,
                "tiles": tiles,
                "columns": columns,
                "outside": outside,
                "inverse": pow(transform.odd, -1, 1 << 32),
                "shift": transform.shift - int(doubled),
                "stored_shifts": transform.stored_shifts,
                "outer_inputs": tuple(sum(row) * x.quant.zero_point for row in transform.input),
                "unroll": pairs if pairs <= FLAT_STEPS else UNROLL,
                **layer.scaling.context,
                # A residual network has layers of one shape with and without ReLU: two instructions
                # more per output, and they share a function of 2 KB.
                "form": "general" if layer.scaling.form == "general" else "round",
            },
            label=f"{height}x{width}x{depth}_to_{layer.channels}",
            arguments=(input_(), output(), constant("stream"), scratch()),
            constants=(_stream(layer, transform),),
            scratch_bytes=4 * (transform.size * columns * pairs + positions * tiles * (pairs + 2))
            + outside * width * depth,
            overlaps=(Overlap(distance=_distance(geometry, transform, node)),),
            cycles=self._cycles(across, down, depth, layer.channels),
            code_bytes=1200 + 40 * min(pairs, FLAT_STEPS) + 120 * transform.size,
            includes=("tinygen_math.h", "tinygen_simd.h"),
        )

    def _cycles(self, across: int, down: int, depth: int, channels: int) -> float:
        """Measured on Cortex-M4: instructions per step, position, output and transformed value."""
        groups, positions = -(-across * down // TILES), self.transform.size**2
        products = groups * channels / 2 * positions * (depth / 2 * 11.4 + 30)
        outputs = across * down * self.transform.outputs**2 * channels
        values = across * down * self.transform.outputs**2 * depth
        return products + outputs * self.cycles_per_output + values * self.cycles_per_value


def _stream(layer: Layer, transform: Transform) -> Constant:
    """Per pair of channels: at each position the pairs of weights of both, then four words of each.

    Four neighbouring weights are stored as the pairs (0, 2) and (1, 3), as SXTB16 widens inputs.
    The four words are multiplier, addend and shift, and the bias as it joins position (1, 1).
    """
    channels, _, run = layer.weights.shape
    stored = transform.filters(layer.weights.reshape(channels, 3, 3, run // 3))
    four = stored.reshape(channels, transform.size**2, -1, 4)
    words = pair_words(four[..., 0:2], four[..., 2:4]).reshape(channels, -1)
    bias = wrap_int32(layer.bias.astype(np.int64) * transform.scale)
    tails = np.concatenate([layer.scaling.parameters, bias[:, None]], axis=1)
    parts: list[Array] = []
    for first in range(0, channels, 2):
        pair = slice(first, first + 2)
        parts += [words[pair].T.reshape(-1), tails[pair].reshape(-1)]
    data = np.concatenate(parts).astype(np.int32)
    return Constant("stream", data, "transformed filters, requantization, biases")


def _distance(geometry: Window, transform: Transform, node: Node) -> int:
    """Smallest proven distance of the output below the input, in bytes."""
    _, height, width, depth = node.input(0).shape
    row_in, row_out = width * depth, geometry.out_width * node.output.shape[3]
    strips = range(transform.outputs, geometry.out_height, transform.outputs)
    return max(
        (rows * row_out - max(0, rows - geometry.pad_top) * row_in for rows in strips),
        default=-height * row_in,
    )
