"""What both pooling kernels share: loops over the windows, four channels at a time.

The output may slide over the input: see :func:`channelwise_overlap`. Four channels of a pixel are
all read before the first of them is written, which only reads earlier.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from tinygen.kernels._sliding import channelwise_overlap
from tinygen.kernels.base import Implementation, Kernel, input_, output
from tinygen.numerics import activation_range
from tinygen.ops.pooling import window

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node

# Channels that are reduced together.
BLOCK = 4


class PoolingPortable(Kernel):
    """Reduces the part of each window that lies inside the input."""

    provider = "tinygen"

    def implement(self, node: Node, core: Core) -> Implementation:
        shape = node.input(0).shape
        geometry = window(node)
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        return Implementation(
            kernel=self,
            params={
                "window": asdict(geometry),
                "in_height": shape[1],
                "in_width": shape[2],
                "channels": shape[3],
                "block": BLOCK,
                "padded": geometry.reaches_outside(shape),
                "low": low,
                "high": high,
            },
            label=f"{geometry.height}x{geometry.width}x{shape[3]}",
            arguments=(input_(), output()),
            overlaps=(channelwise_overlap(geometry, shape),),
            cycles=node.output.size * (geometry.height * geometry.width * 4.0 + 20.0),
            code_bytes=260,
        )
