"""DEPTHWISE_CONV_2D on Helium: four outputs of one channel at a time, eight taps an instruction.

A few input rows are copied into the scratch with their padding, where every tap of an output lies
at an offset that depends on nothing but the tap. A gathering load collects eight of them, VMLADAV
multiplies and adds; up to three taps that are left over are gathered for four outputs at once.

Exact: every tap meets an input value or the zero point, which the folded bias takes back out; taps
that fill up a group of eight have weight zero. The sum is the same in another order; requantization
is exact by the proof in :mod:`._mve`.

Overlap: before the outputs of the rows y to y + L - 1 are written, all input rows before
R(y) = (y + L - 1) * stride - pad + filter span have been copied and are never read again. So
nothing unread is overwritten if ``output + (y + L) * row_out <= input + R(y) * row_in`` for every
such y that leaves a row unread; the largest difference over those is the distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen.kernels._mve import INCLUDES, requantizer, words
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
    from tinygen.ir import Array, Node, Shape
    from tinygen.kernels._mve import Requantizer
    from tinygen.ops.windows import Window

LANES = 4
GROUP = 8
"""Taps that one load gathers."""
MOST_SINGLES = 3
"""Taps left over up to which they are gathered one by one for all lanes."""
_LARGEST_OFFSET = 0xFFFF


@dataclass(frozen=True)
class _Lanes:
    """Four outputs that are computed together lie in one row (height 1) or in one column."""

    height: int
    window: Window
    shape: Shape
    channels: int

    @property
    def width(self) -> int:
        return LANES // self.height

    @property
    def rows(self) -> int:
        """Input rows that the outputs of ``height`` rows read."""
        window = self.window
        return (self.height - 1) * window.stride_h + (window.height - 1) * window.dilation_h + 1

    @property
    def columns(self) -> int:
        """Input columns that whole groups of outputs read."""
        window = self.window
        outputs = -(-window.out_width // self.width) * self.width
        return (outputs - 1) * window.stride_w + (window.width - 1) * window.dilation_w + 1

    @property
    def row_bytes(self) -> int:
        return self.columns * self.shape[3]

    @property
    def step(self) -> int:
        """Bytes in the scratch from one lane's window to the next one's."""
        window = self.window
        if self.height == 1:
            return window.stride_w * self.shape[3]
        return window.stride_h * self.row_bytes

    @property
    def out_step(self) -> int:
        """Bytes from one lane's output to the next one's."""
        return self.channels * (1 if self.height == 1 else self.window.out_width)

    @property
    def largest_offset(self) -> int:
        """Largest offset in any vector of offsets."""
        return max(self.rows * self.row_bytes, (LANES - 1) * self.out_step + LANES * self.channels)

    @property
    def instructions(self) -> float:
        """Estimate, measured on Cortex-M55."""
        window = self.window
        groups, singles = _split(window.height * window.width)
        down = -(-window.out_height // self.height)
        across = -(-window.out_width // self.width)
        copied = down * max(self.rows, self.height * window.stride_h) * self.row_bytes
        # With more than one group, vectors of offsets and weights are loaded again and again.
        each = max(groups * 8, groups * 30 - 22) + singles * 2 + 13
        return down * self.channels * (across * each + 25.0) + copied * 0.2 + down * 60

    @property
    def tables(self) -> tuple[dict[str, Any], ...]:
        """The vectors of offsets, by name."""
        window = self.window
        taps = [
            (i * window.dilation_h * self.columns + j * window.dilation_w) * self.shape[3]
            for i in range(window.height)
            for j in range(window.width)
        ]
        groups, singles = _split(len(taps))
        grouped = taps[: len(taps) - singles]
        grouped += [0] * (groups * GROUP - len(grouped))
        found = [
            _table(
                f"taps{g}_{lane}", 16, [t + lane * self.step for t in grouped[g * 8 : g * 8 + 8]]
            )
            for g in range(groups)
            for lane in range(2)
        ]
        for k, tap in enumerate(taps[len(taps) - singles :]):
            found.append(_table(f"single{k}", 32, [tap + n * self.step for n in range(LANES)]))
        outputs = [lane * self.out_step for lane in range(LANES)]
        next_group = self.width * self.channels
        if self.pairs:
            both = [o + k * next_group for o in outputs for k in range(2)]
            found.append(_table("both", 16, both))
        if self.rest:
            found.append(_table("one", 16, [o for o in outputs for _ in range(2)]))
        return tuple(found)

    @property
    def pairs(self) -> int:
        """Pairs of whole groups in a row of outputs."""
        return self.window.out_width // self.width // 2

    @property
    def rest(self) -> tuple[int, ...]:
        """Lanes in use of the groups behind the pairs."""
        left = self.window.out_width - 2 * self.width * self.pairs
        whole, lanes = divmod(left, self.width)
        return (LANES,) * whole + ((lanes,) if lanes else ())


class DepthwiseMve(Kernel):
    """Four outputs of one channel at a time."""

    name = "depthwise_conv_2d_mve"
    provider = "tinygen"
    op = "DEPTHWISE_CONV_2D"

    def refusal(self, node: Node, core: Core) -> str | None:
        if not core.mve:
            return "the core has no Helium"
        if not _choices(node):
            return f"the rows below a window take more than {_LARGEST_OFFSET} bytes"
        return None

    def implement(self, node: Node, core: Core) -> Implementation:
        x, geometry = node.input(0), window(node)
        _, height, width, depth = x.shape
        lanes = min(_choices(node), key=lambda choice: choice.instructions)
        channels = lanes.channels
        weights = node.input(1).constant.reshape(-1, channels).T
        bias = fold_zero_point(
            bias_of(node, channels), weights.sum(axis=1, dtype=np.int64), x.quant.zero_point
        )
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        scaling = requantizer(*requantization(node), node.output.quant.zero_point, low, high)
        groups, singles = _split(weights.shape[1])
        stream = _stream(weights, bias, scaling)
        return Implementation(
            kernel=self,
            params={
                "height": height,
                "width": width,
                "depth": depth,
                "channels": channels,
                "multiplier": channels // depth,
                "kernel_height": geometry.height,
                "kernel_width": geometry.width,
                "stride_h": geometry.stride_h,
                "stride_w": geometry.stride_w,
                "pad_top": geometry.pad_top,
                "pad_left": geometry.pad_left,
                "out_height": geometry.out_height,
                "out_width": geometry.out_width,
                "zero_point": x.quant.zero_point,
                "lanes_h": lanes.height,
                "partial_rows": geometry.out_height % lanes.height != 0,
                "rows": lanes.rows,
                "step": lanes.height * geometry.stride_h,
                "columns": lanes.columns,
                "copied": min(width, lanes.columns - geometry.pad_left),
                "row_bytes": lanes.row_bytes,
                "lane_step": lanes.step,
                "advance": lanes.width * geometry.stride_w * depth,
                "out_advance": lanes.width * channels,
                "pairs": lanes.pairs,
                "rest": lanes.rest,
                "groups": groups,
                "singles": singles,
                "channel_bytes": stream.data.nbytes // channels,
                "tables": lanes.tables,
                **scaling.context,
            },
            label=f"{height}x{width}x{depth}_s{geometry.stride_w}",
            arguments=(input_(), output(), constant("stream"), scratch()),
            constants=(stream,),
            scratch_bytes=lanes.rows * lanes.row_bytes,
            overlaps=(Overlap(distance=_distance(lanes)),),
            cycles=lanes.instructions,
            code_bytes=550,
            includes=INCLUDES,
        )


def _choices(node: Node) -> list[_Lanes]:
    """Both ways to lay out the lanes, as far as their offsets fit 16 bits."""
    shape, channels = node.input(0).shape, node.input(1).shape[3]
    both = [_Lanes(height, window(node), shape, channels) for height in (1, LANES)]
    return [lanes for lanes in both if lanes.largest_offset <= _LARGEST_OFFSET]


def _split(taps: int) -> tuple[int, int]:
    """Groups of taps, the last one perhaps not full, and taps that are left over."""
    groups, rest = divmod(taps, GROUP)
    return (groups, rest) if rest <= MOST_SINGLES else (groups + 1, 0)


def _table(name: str, bits: int, offsets: list[int]) -> dict[str, Any]:
    return {"name": name, "bits": bits, "offsets": tuple(offsets)}


def _stream(weights: Array, bias: Array, scaling: Requantizer) -> Constant:
    """Per channel: weights of whole groups, words of left over weights, bias, requantization."""
    channels, taps = weights.shape
    groups, singles = _split(taps)
    grouped = weights[:, : taps - singles]
    grouped = np.pad(grouped, ((0, 0), (0, groups * GROUP - grouped.shape[1])))
    data = np.concatenate(
        [
            words(grouped).reshape(channels, -1),
            weights[:, taps - singles :].astype(np.int32),
            bias[:, None],
            scaling.parameters,
        ],
        axis=1,
    )
    return Constant("stream", data.astype(np.int32), "per channel: filter, bias, requantization")


def _distance(lanes: _Lanes) -> int:
    """Smallest proven distance of the output below the input, in bytes."""
    geometry, (_, height, width, depth) = lanes.window, lanes.shape
    distances = [-height * width * depth]
    for y in range(0, geometry.out_height, lanes.height):
        unread = max(0, y * geometry.stride_h - geometry.pad_top + lanes.rows)
        if unread < height:
            written = (y + lanes.height) * geometry.out_width * lanes.channels
            distances.append(written - unread * width * depth)
    return max(distances)


KERNEL = DepthwiseMve()
