"""PAD by CMSIS-NN. Exact: it copies the input and fills in the output's zero point around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels._cmsis_nn import INCLUDES, flavour, four_dimensions
from tinygen.kernels._cmsis_nn_cost import copying_cost
from tinygen.kernels._cmsis_nn_size import linked
from tinygen.kernels.base import Implementation, Kernel, input_, output
from tinygen.ops.pad import paddings

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class PadCmsisNN(Kernel):
    """arm_pad_s8."""

    name = "pad_cmsis_nn"
    provider = "cmsis_nn"
    op = "PAD"

    def refusal(self, node: Node, core: Core) -> str | None:
        if len(node.output.shape) > 4:
            return "it takes up to four dimensions"
        return None

    def implement(self, node: Node, core: Core) -> Implementation:
        shape = four_dimensions(node.input(0).shape)
        pads = ((0, 0),) * (4 - len(node.output.shape)) + paddings(node)
        copies_pixels = pads[3] != (0, 0)
        return Implementation(
            kernel=self,
            params={
                "input": shape,
                "before": tuple(before for before, _ in pads),
                "behind": tuple(behind for _, behind in pads),
                "value": node.output.quant.zero_point,
            },
            label="x".join(map(str, node.output.shape)),
            arguments=(input_(), output()),
            cycles=copying_cost(
                flavour(core),
                node.output.size,
                pieces=shape[0] * shape[1] * (shape[2] if copies_pixels else 1) * 3,
            ),
            linked=linked("arm_pad_s8", core),
            includes=INCLUDES,
        )


KERNEL = PadCmsisNN()
