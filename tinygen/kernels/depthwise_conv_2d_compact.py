"""DEPTHWISE_CONV_2D by one function for all shapes, for networks that must be small in flash.

Exact: the accumulator is the sum of the definition, tap by tap; taps outside the input contribute
(zero_point - zero_point) * w = 0 and are left out.

The output may slide over the input: see :func:`channelwise_overlap`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels import _compact
from tinygen.kernels._sliding import channelwise_overlap
from tinygen.kernels.base import Field, Implementation, Kernel, input_, output, record
from tinygen.kernels.depthwise_conv_2d_dsp_small import KERNEL as SMALL
from tinygen.ops.depthwise_conv_2d import requantization, window
from tinygen.ops.weights import bias_of

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class DepthwiseConv2DCompact(Kernel):
    """Channel by channel at each pixel, its geometry read from the layer's record."""

    name = "depthwise_conv_2d_compact"
    provider = "tinygen"
    op = "DEPTHWISE_CONV_2D"

    def refusal(self, node: Node, core: Core) -> str | None:
        if SMALL.refusal(node, core) is None:
            return "the core has SIMD instructions, which take as little code"
        return _compact.too_large(_record(node))

    def implement(self, node: Node, core: Core) -> Implementation:
        x, w = node.input(0), node.input(1)
        _, height, width, channels = w.shape
        multiplier = node.options.depth_multiplier
        return Implementation(
            kernel=self,
            params={},
            record=_record(node),
            arguments=(record(), input_(), output()),
            constants=_compact.constants(
                w.constant,
                f"filter, {w.shape[1:]} HWC",
                bias_of(node, channels),
                *requantization(node),
            ),
            overlaps=(channelwise_overlap(window(node), x.shape, multiplier),),
            cycles=node.output.size
            * (height * width * 22.0 + 110.0)
            * _compact.pace(core, plain=0.67, armv6m=1.13),
            code_bytes=330,
        )


def _record(node: Node) -> tuple[Field, ...]:
    return (
        *_compact.weighted_fields(node),
        *_compact.window_fields(node, window(node)),
        Field("multiplier", "uint16_t", node.options.depth_multiplier, "outputs per input channel"),
    )


KERNEL = DepthwiseConv2DCompact()
