"""How far below its input the output of a sliding window may lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels.base import Overlap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinygen.ir import Shape
    from tinygen.ops.windows import Window


def channelwise_overlap(window: Window, shape: Shape, multiplier: int = 1) -> Overlap:
    """The overlap of a kernel whose output channels each need one input channel alone.

    The kernel goes over the output of an NHWC input of this ``shape`` pixel by pixel, and in each
    pixel channel by channel, both rising. Each input channel gives ``multiplier`` (m) of them.

    Proof, with C input channels and first(p) the first input pixel under the window of output pixel
    p. What is written at (p, o) must lie below everything that is read after it.

    - In the same pixel: out + p C m + o < in + first(p) C + floor((o + 1) / m) for o + 1 < C m. The
      difference of the channel terms is largest at o + 1 = C m - 1, where it is C (m - 1).
    - In a later pixel q: out + (p + 1) C m <= in + first(q) C, which holds for all p < q if
      out + q C m <= in + first(q) C.

    Both follow from out + max over p of (p m - first(p)) C + C (m - 1) <= in.
    """
    ahead = max(pixel * multiplier - first for pixel, first in _pixels(window, shape))
    return Overlap(distance=(ahead + multiplier - 1) * shape[3])


def pixelwise_overlap(window: Window, shape: Shape, channels: int) -> Overlap:
    """The overlap of a kernel whose ``channels`` (D) outputs of a pixel need all input channels.

    The kernel goes over the output pixel by pixel, rising, and reads a window again as long as
    there are outputs of its pixel to write.

    Proof, with C and first(p) as above: what is written in pixel p ends at out + (p + 1) D, and
    must lie below what is read in that pixel or in a later pixel q, from in + first(q) C on. That
    holds for all p <= q if out + (q + 1) D <= in + first(q) C.
    """
    pixels = _pixels(window, shape)
    return Overlap(
        distance=max((pixel + 1) * channels - first * shape[3] for pixel, first in pixels)
    )


def blockwise_overlap(window: Window, shape: Shape, channels: int, block: int) -> Overlap:
    """The overlap of a kernel that reads all windows of a block of pixels before it writes any.

    The kernel goes over each output row in blocks of ``block`` neighbouring pixels, and what is
    left of the row is a block as well.

    Proof, with C, D and first(p) as above and start(p) the first pixel of the block of p: when the
    window of p is read, what has been written ends at out + start(p) D, and must lie below
    in + first(p) C.
    """
    width = window.out_width
    starts = ((p - p % width % block, first) for p, first in _pixels(window, shape))
    return Overlap(distance=max(start * channels - first * shape[3] for start, first in starts))


def _pixels(window: Window, shape: Shape) -> Iterator[tuple[int, int]]:
    """Every output pixel, and an input pixel before which its window reads nothing."""
    for y in range(window.out_height):
        row = max(0, y * window.stride_h - window.pad_top) * shape[2]
        for x in range(window.out_width):
            col = max(0, x * window.stride_w - window.pad_left)
            yield y * window.out_width + x, row + col
