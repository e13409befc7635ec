"""Pooling by CMSIS-NN: AVERAGE_POOL_2D and MAX_POOL_2D differ in their routine alone."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

from tinygen.kernels._cmsis_nn import INCLUDES, flavour, size_refusal
from tinygen.kernels._cmsis_nn_cost import pooling_cost
from tinygen.kernels._cmsis_nn_size import linked
from tinygen.kernels.base import Implementation, Kernel, Overlap, input_, output, scratch
from tinygen.numerics import activation_range
from tinygen.ops.pooling import window

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class PoolingCmsisNN(Kernel):
    """One routine; subclasses name it."""

    provider = "cmsis_nn"
    routine: ClassVar[str]

    def refusal(self, node: Node, core: Core) -> str | None:
        return size_refusal(node)

    def scratch_bytes(self, node: Node, core: Core) -> int:
        """Scratch of the routine on this core."""
        return 0

    def implement(self, node: Node, core: Core) -> Implementation:
        over, shape = window(node), node.input(0).shape
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        needed = self.scratch_bytes(node, core)
        params: dict[str, Any] = {
            "routine": self.routine,
            "window": asdict(over),
            "in_height": shape[1],
            "in_width": shape[2],
            "channels": shape[3],
            "low": low,
            "high": high,
            "uses_scratch": needed > 0,
        }
        # Output pixel n is written after the window that begins at input pixel m(n) was read, and
        # without padding m(n) >= n rises with n, so no later window meets what was written. At a
        # distance that is no whole number of pixels, copies within the routine could overlap.
        in_place = () if over.reaches_outside(shape) else (Overlap(same_start=True),)
        return Implementation(
            kernel=self,
            params=params,
            label=f"{over.height}x{over.width}x{shape[3]}",
            arguments=(input_(), output(), *([scratch()] if needed else [])),
            scratch_bytes=needed,
            overlaps=in_place,
            cycles=pooling_cost(flavour(core), self.routine, over, shape[3]),
            linked=linked(self.routine, core),
            includes=INCLUDES,
        )
