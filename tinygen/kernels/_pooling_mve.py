"""What both pooling kernels for Helium share: loops over the windows, a vector of channels at once.

The output may slide over the input: see :func:`channelwise_overlap`. The channels of a vector are
all read before the first of them is written, which only reads earlier.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

from tinygen.kernels._mve import INCLUDES
from tinygen.kernels._sliding import channelwise_overlap
from tinygen.kernels.base import Implementation, Kernel, input_, output
from tinygen.numerics import activation_range
from tinygen.ops.pooling import window

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node
    from tinygen.ops.windows import Window


class PoolingMve(Kernel):
    """Reduces the part of each window that lies inside the input."""

    provider = "tinygen"
    block: ClassVar[int]

    def refusal(self, node: Node, core: Core) -> str | None:
        return None if core.mve else "the core has no Helium"

    def divisor(self, geometry: Window) -> dict[str, Any]:
        """What the template needs to divide by the number of values, if it does."""
        return {}

    def implement(self, node: Node, core: Core) -> Implementation:
        shape = node.input(0).shape
        geometry = window(node)
        padded = geometry.reaches_outside(shape)
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        pixels = geometry.out_height * geometry.out_width
        vectors = -(-shape[3] // self.block)
        return Implementation(
            kernel=self,
            params={
                "window": asdict(geometry),
                "in_height": shape[1],
                "in_width": shape[2],
                "channels": shape[3],
                "block": self.block,
                "padded": padded,
                "low": low,
                "high": high,
                **self.divisor(geometry),
            },
            label=f"{geometry.height}x{geometry.width}x{shape[3]}",
            arguments=(input_(), output()),
            overlaps=(channelwise_overlap(geometry, shape),),
            # Instructions, measured on Cortex-M55.
            cycles=pixels * (vectors * (geometry.height * (geometry.width * 3.1 + 5) + 12) + 8),
            code_bytes=260,
            includes=INCLUDES,
        )
