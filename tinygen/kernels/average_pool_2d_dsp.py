"""AVERAGE_POOL_2D of four channels at a time on cores with the DSP extension.

Exact: sums of up to 255 int8 values stay within the int16 halves that SXTAB16 adds to, and the
division rounds half away from zero as the definition does. Every window lies inside the input, so
the divisor is one constant.

Overlap: an output may only be written after the windows that read its address, which windows that
share rows do not allow; with one window per channel, the four outputs of a group are written after
its inputs were read, at addresses that no later group reads when the output starts with the input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels.base import Implementation, Kernel, Overlap, input_, output
from tinygen.numerics import activation_range
from tinygen.ops.pooling import window

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node

LARGEST_WINDOW = 255


class AveragePoolDsp(Kernel):
    """Sums in the halves of two words."""

    name = "average_pool_2d_dsp"
    provider = "tinygen"
    op = "AVERAGE_POOL_2D"

    def refusal(self, node: Node, core: Core) -> str | None:
        if not core.dsp or core.mve:
            return "the core has no DSP extension, or Helium, which is faster"
        x, geometry = node.input(0), window(node)
        if x.shape[3] % 4:
            return "the channels are not a multiple of four"
        if geometry.reaches_outside(x.shape):
            return "a window reaches outside the input"
        if geometry.height * geometry.width > LARGEST_WINDOW:
            return f"the window has more than {LARGEST_WINDOW} values"
        return None

    def implement(self, node: Node, core: Core) -> Implementation:
        x, geometry = node.input(0), window(node)
        _, _, width, channels = x.shape
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        count = geometry.height * geometry.width
        single = geometry.out_height * geometry.out_width == 1
        return Implementation(
            kernel=self,
            params={
                "height": geometry.height,
                "width": geometry.width,
                "in_width": width,
                "channels": channels,
                "out_height": geometry.out_height,
                "out_width": geometry.out_width,
                "stride_h": geometry.stride_h,
                "stride_w": geometry.stride_w,
                "count": count,
                "low": low,
                "high": high,
            },
            label=f"{geometry.height}x{geometry.width}x{channels}",
            arguments=(input_(), output()),
            overlaps=(Overlap(same_start=True),) if single else (),
            cycles=node.output.size * (count * 1.4 + 14.0),
            code_bytes=220,
            includes=("tinygen_math.h", "tinygen_simd.h"),
        )


KERNEL = AveragePoolDsp()
