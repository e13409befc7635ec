"""How far below its input the output of a sliding window may lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels.base import Overlap

if TYPE_CHECKING:
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
    channels, width = shape[3], shape[2]
    ahead = max(
        (y * window.out_width + x) * multiplier
        - max(0, y * window.stride_h - window.pad_top) * width
        - max(0, x * window.stride_w - window.pad_left)
        for y in range(window.out_height)
        for x in range(window.out_width)
    )
    return Overlap(distance=(ahead + multiplier - 1) * channels)
