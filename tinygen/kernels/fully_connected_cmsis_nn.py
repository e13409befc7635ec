"""FULLY_CONNECTED by CMSIS-NN.

Exact for the reasons of CONV_2D. The contribution of the input's zero point is folded into the
bias and the routine is told that the zero point is 0. The Helium routines want such sums anyway:
upstream computes them into scratch on the target, here they are a constant and nothing is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels._cmsis_nn import (
    INCLUDES,
    accumulator_refusal,
    bias_constant,
    flavour,
)
from tinygen.kernels._cmsis_nn_cost import fully_connected_cost, slowdown
from tinygen.kernels._cmsis_nn_size import linked
from tinygen.kernels._requantization import fold_zero_point
from tinygen.kernels.base import Constant, Implementation, Kernel, constant, input_, output
from tinygen.numerics import activation_range
from tinygen.ops.fully_connected import requantization

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class FullyConnectedCmsisNN(Kernel):
    """arm_fully_connected_s8, or arm_fully_connected_per_channel_s8 for scales per output."""

    name = "fully_connected_cmsis_nn"
    provider = "cmsis_nn"
    op = "FULLY_CONNECTED"

    def refusal(self, node: Node, core: Core) -> str | None:
        weights = node.input(1).constant
        return accumulator_refusal(
            bias_constant(node, len(weights)), weights, requantization(node)[1]
        )

    def implement(self, node: Node, core: Core) -> Implementation:
        x, weights = node.input(0), node.input(1).constant
        outputs, depth = weights.shape
        per_channel = node.input(1).quant.per_channel
        multipliers, shifts = (a.astype(np.int32) for a in requantization(node))
        bias = bias_constant(node, outputs)
        sums = fold_zero_point(bias, weights.sum(axis=1, dtype=np.int64), x.quant.zero_point)
        per_output = (
            Constant("multipliers", multipliers, "requantization multipliers"),
            Constant("shifts", shifts, "requantization shifts"),
        )
        constants = (
            Constant("weights", weights, f"filter, {weights.shape}"),
            Constant("bias", sums, "bias, with the contribution of the input's zero point"),
            *(per_output if per_channel else ()),
        )
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        rows = x.size // depth
        return Implementation(
            kernel=self,
            params={
                "rows": rows,
                "depth": depth,
                "outputs": outputs,
                "per_channel": per_channel,
                "multiplier": 0 if per_channel else int(multipliers[0]),
                "shift": 0 if per_channel else int(shifts[0]),
                "sums_in_context": core.mve,
                "output_zero_point": node.output.quant.zero_point,
                "low": low,
                "high": high,
            },
            label=f"{depth}_to_{outputs}",
            arguments=(input_(), output(), *(constant(c.role) for c in constants)),
            constants=constants,
            cycles=fully_connected_cost(flavour(core), depth, rows * outputs)
            * slowdown(core, "fully connected"),
            linked=linked(f"arm_fully_connected_{'per_channel_' if per_channel else ''}s8", core),
            includes=INCLUDES,
        )


KERNEL = FullyConnectedCmsisNN()
