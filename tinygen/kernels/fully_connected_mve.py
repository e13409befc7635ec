"""FULLY_CONNECTED on Helium: eight outputs at a time.

Exact: the accumulator is the same 32-bit sum in another order, with the zero point folded into the
bias; weights that fill up the last 16 are zero. Requantization is exact by the proof in
:mod:`._mve`. Every output reads the whole row, so the output never lies over the input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels._mve import CHUNK, INCLUDES, chunks_of, repeats, requantizer, words
from tinygen.kernels._requantization import fold_zero_point
from tinygen.kernels.base import Constant, Implementation, Kernel, constant, input_, output, scratch
from tinygen.numerics import activation_range
from tinygen.ops.fully_connected import requantization
from tinygen.ops.weights import bias_of

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Array, Node
    from tinygen.kernels._mve import Requantizer

GROUP = 8
"""Outputs at a time."""


class FullyConnectedMve(Kernel):
    """Groups of eight outputs, accumulators in registers."""

    name = "fully_connected_mve"
    provider = "tinygen"
    op = "FULLY_CONNECTED"

    def refusal(self, node: Node, core: Core) -> str | None:
        return None if core.mve else "the core has no Helium"

    def implement(self, node: Node, core: Core) -> Implementation:
        x, weights = node.input(0), node.input(1).constant
        outputs, depth = weights.shape
        rows = x.size // depth
        bias = fold_zero_point(
            bias_of(node, outputs), weights.sum(axis=1, dtype=np.int64), x.quant.zero_point
        )
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        scaling = requantizer(*requantization(node), node.output.quant.zero_point, low, high)
        chunks = chunks_of(weights)
        padded = depth % CHUNK != 0
        whole, rest = divmod(outputs, GROUP)
        per_chunk = whole * (1 + 2 * GROUP) + (1 + 2 * rest if rest else 0)
        return Implementation(
            kernel=self,
            params={
                "rows": rows,
                "depth": depth,
                "outputs": outputs,
                "padded": padded,
                **repeats(chunks.shape[1]),
                **scaling.context,
            },
            label=f"{depth}_to_{outputs}",
            arguments=(
                input_(),
                output(),
                constant("stream"),
                *((scratch(),) if padded else ()),
            ),
            constants=(_stream(chunks, bias, scaling),),
            scratch_bytes=chunks.shape[1] * CHUNK if padded else 0,
            # Instructions, measured on Cortex-M55.
            cycles=rows * (per_chunk * chunks.shape[1] + (whole + bool(rest)) * 36.0) + 40,
            code_bytes=600,
            includes=INCLUDES,
        )


def _stream(chunks: Array, bias: Array, scaling: Requantizer) -> Constant:
    """Per group of outputs: chunks of weights in turn, then biases, multipliers and shifts.

    Each of the latter is a vector of the even outputs and one of the odd ones.
    """
    columns = np.concatenate([bias[:, None], scaling.parameters], axis=1)
    parts: list[Array] = []
    for first in range(0, len(bias), GROUP):
        group = slice(first, first + GROUP)
        parts.append(words(chunks[group].transpose(1, 0, 2)))
        lanes = np.pad(columns[group], ((0, GROUP - len(columns[group])), (0, 0)))
        parts += [lanes.T.reshape(-1, GROUP // 2, 2).transpose(0, 2, 1).reshape(-1)]
    return Constant(
        "stream",
        np.concatenate(parts).astype(np.int32),
        "per eight outputs: weights, biases, requantization",
    )


KERNEL = FullyConnectedMve()
