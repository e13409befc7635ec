"""CONV_2D by one function for all shapes, for networks that must be small in flash.

Exact: the accumulator is the sum of the definition, tap by tap; taps outside the input contribute
(zero_point - zero_point) * w = 0 and are left out.

The output may slide over the input: see :func:`pixelwise_overlap`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels import _compact
from tinygen.kernels._sliding import pixelwise_overlap
from tinygen.kernels.base import Field, Implementation, Kernel, input_, output, record
from tinygen.kernels.conv_2d_dsp_columns_small import KERNEL as SMALL
from tinygen.ops.conv_2d import requantization, window
from tinygen.ops.weights import bias_of

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class Conv2DCompact(Kernel):
    """Direct convolution, its geometry read from the layer's record."""

    name = "conv_2d_compact"
    provider = "tinygen"
    op = "CONV_2D"

    def refusal(self, node: Node, core: Core) -> str | None:
        if SMALL.refusal(node, core) is None:
            return "the core has SIMD instructions, which take as little code"
        return _compact.too_large(_record(node))

    def implement(self, node: Node, core: Core) -> Implementation:
        x, w = node.input(0), node.input(1)
        channels = w.shape[0]
        return Implementation(
            kernel=self,
            params={},
            record=_record(node),
            arguments=(record(), input_(), output()),
            constants=_compact.constants(
                w.constant,
                f"filter, {w.shape} OHWI",
                bias_of(node, channels),
                *requantization(node, channels),
            ),
            overlaps=(pixelwise_overlap(window(node), x.shape, channels),),
            # Measured on Cortex-M4: a product, a row of the filter, an output.
            cycles=node.output.size
            * (w.size // channels * 9.0 + w.shape[1] * 40.0 + 70.0)
            * _compact.pace(core, plain=0.68, armv6m=1.1),
            code_bytes=300,
        )


def _record(node: Node) -> tuple[Field, ...]:
    return (
        *_compact.weighted_fields(node),
        *_compact.window_fields(node, window(node)),
        Field("out_channels", "uint16_t", node.input(1).shape[0], ""),
    )


KERNEL = Conv2DCompact()
