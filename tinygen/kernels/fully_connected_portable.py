"""FULLY_CONNECTED in plain C, for every shape and every core.

Exact: the accumulator is the sum of the definition in another order, with the zero point folded
into the bias; the operator's check has shown that no partial sum leaves 32 bits.

Every row is read until its last output is written. So row r of R may be written where the rows
before r were read: (r + 1) * outputs <= distance + r * depth for all r.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels._interleave import block_of, interleave, output_cycles, raise_weights
from tinygen.kernels._requantization import Requantization, fold_zero_point
from tinygen.kernels.base import (
    Constant,
    Implementation,
    Kernel,
    Overlap,
    constant,
    input_,
    output,
)
from tinygen.numerics import activation_range
from tinygen.ops.fully_connected import requantization
from tinygen.ops.weights import bias_of

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class FullyConnectedPortable(Kernel):
    """Four outputs at a time."""

    name = "fully_connected_portable"
    provider = "tinygen"
    op = "FULLY_CONNECTED"

    def implement(self, node: Node, core: Core) -> Implementation:
        x, w = node.input(0), node.input(1)
        outputs, depth = w.shape
        rows = x.size // depth
        sums = w.constant.sum(axis=1, dtype=np.int64)
        bias = fold_zero_point(bias_of(node, outputs), sums, x.quant.zero_point)
        count = outputs if w.quant.per_channel else 1
        multipliers, shifts = requantization(node)
        scaling = Requantization.per_channel(multipliers[:count], shifts[:count])
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        distance = max(outputs, rows * outputs - (rows - 1) * depth)
        block = block_of(outputs, core)
        flat = interleave(w.constant.reshape(outputs, -1), block)
        # Armv6-M loads a byte with an offset only as an unsigned one.
        raised = not core.mainline
        return Implementation(
            kernel=self,
            params={
                "rows": rows,
                "depth": depth,
                "outputs": outputs,
                "block": block,
                "raised": raised,
                "weight": "uint8_t" if raised else "int8_t",
                "per_channel": w.quant.per_channel,
                "output_zero_point": node.output.quant.zero_point,
                "low": low,
                "high": high,
                "requantize": scaling.function,
            },
            label=f"{depth}_to_{outputs}",
            arguments=(
                input_(),
                output(),
                constant("weights"),
                constant("bias"),
                constant("multipliers"),
                constant("shifts"),
            ),
            constants=(
                Constant(
                    "weights",
                    raise_weights(flat) if raised else flat,
                    f"weights, {block} outputs interleaved",
                ),
                Constant("bias", bias, "bias with the input's zero point folded in"),
                *scaling.constants,
            ),
            overlaps=(Overlap(distance=distance),) if rows > 1 else (),
            cycles=node.output.size * output_cycles(depth, core),
            code_bytes=650,
        )


KERNEL = FullyConnectedPortable()
