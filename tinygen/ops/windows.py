"""Geometry that operators with a sliding window share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.numerics import window_padding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinygen.ir import Array, Node, Shape
    from tinygen.ops.base import Draw, Operator


@dataclass(frozen=True)
class Window:
    """Where a window lies over an NHWC input: sizes in elements, padding before the first one."""

    height: int
    width: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    pad_top: int
    pad_left: int
    out_height: int
    out_width: int

    @classmethod
    def over(
        cls,
        shape: Shape,
        height: int,
        width: int,
        stride: tuple[int, int],
        padding: str,
        dilation: tuple[int, int] = (1, 1),
    ) -> Window:
        """The window of this size over an NHWC shape; ``stride`` and ``dilation`` are (h, w)."""
        out_height, pad_top = window_padding(shape[1], height, stride[0], dilation[0], padding)
        out_width, pad_left = window_padding(shape[2], width, stride[1], dilation[1], padding)
        return cls(height, width, *stride, *dilation, pad_top, pad_left, out_height, out_width)

    def reaches_outside(self, shape: Shape) -> bool:
        """Whether some window touches padding around an input of this NHWC shape."""
        bottom = (self.out_height - 1) * self.stride_h + (self.height - 1) * self.dilation_h
        right = (self.out_width - 1) * self.stride_w + (self.width - 1) * self.dilation_w
        return (
            self.pad_top > 0
            or self.pad_left > 0
            or bottom - self.pad_top >= shape[1]
            or right - self.pad_left >= shape[2]
        )

    def taps(self, x: Array, fill: int) -> Iterator[tuple[int, int, Array]]:
        """For every tap (i, j): the NHWC input values it meets, ``fill`` outside the input."""
        rows = (self.out_height - 1) * self.stride_h + (self.height - 1) * self.dilation_h + 1
        cols = (self.out_width - 1) * self.stride_w + (self.width - 1) * self.dilation_w + 1
        padded = np.full((x.shape[0], rows, cols, x.shape[3]), fill, x.dtype)
        top, left = self.pad_top, self.pad_left
        source = x[:, : rows - top, : cols - left]
        padded[:, top : top + source.shape[1], left : left + source.shape[2]] = source
        for i in range(self.height):
            for j in range(self.width):
                yield (
                    i,
                    j,
                    padded[
                        :,
                        i * self.dilation_h : i * self.dilation_h
                        + (self.out_height - 1) * self.stride_h
                        + 1 : self.stride_h,
                        j * self.dilation_w : j * self.dilation_w
                        + (self.out_width - 1) * self.stride_w
                        + 1 : self.stride_w,
                    ],
                )


def require_fitting(op: Operator, node: Node, height: int, width: int) -> None:
    """Refuse a window of no size or stride, and one that finds no place in the input."""
    options = node.options
    shape = node.input(0).shape
    op.require(
        node, len(shape) == 4, f"its input of shape {shape} is not NHWC", "reshape it to 4-D"
    )
    dilation = getattr(options, "dilation_h_factor", 1), getattr(options, "dilation_w_factor", 1)
    op.require(
        node,
        min(height, width, options.stride_h, options.stride_w, *dilation) > 0,
        f"window {height}x{width}, stride {options.stride_h}x{options.stride_w} and dilation "
        f"{dilation[0]}x{dilation[1]} are not all positive",
        "export the model again, it is malformed",
    )
    spans = (height - 1) * dilation[0] + 1, (width - 1) * dilation[1] + 1
    op.require(
        node,
        options.padding == "SAME" or (spans[0] <= shape[1] and spans[1] <= shape[2]),
        f"its window spans {spans[0]}x{spans[1]} and the input is only {shape[1]}x{shape[2]}",
        "use SAME padding or a smaller window",
    )


def draw_geometry(draw: Draw, height: int, width: int) -> tuple[str, tuple[int, int]]:
    """A padding and a window (h, w) that fits an input of this size at dilation 1."""
    padding = draw.choice(("SAME", "VALID"))
    limits = (5, 5) if padding == "SAME" else (min(5, height), min(5, width))
    return padding, (draw.integer(1, limits[0]), draw.integer(1, limits[1]))


def draw_dilation(draw: Draw, size: int, window: int, padding: str) -> int:
    """A dilation at which the window still fits along an axis of this size."""
    fitting = 3 if padding == "SAME" or window == 1 else min(3, (size - 1) // (window - 1))
    return draw.integer(1, fitting)
