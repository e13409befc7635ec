"""FULLY_CONNECTED on cores with the DSP extension: six outputs at a time, int8 weights.

Four input values are widened to two pairs and meet four weights of each output, widened on the
way; the weights keep their plain size in flash, in the order in which they are read.

Exact: the accumulator is the same 32-bit sum in another order, with the zero point folded into the
bias, and requantization is exact by the proof in :mod:`._dsp`. Every output reads the whole row,
so the output never lies over the input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels._dsp import Requantizer, accumulator_bound, quad_words, requantizer
from tinygen.kernels._requantization import fold_zero_point
from tinygen.kernels.base import Constant, Implementation, Kernel, constant, input_, output
from tinygen.numerics import activation_range
from tinygen.ops.fully_connected import requantization
from tinygen.ops.weights import bias_of

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Array, Node

GROUP = 6
"""Outputs at a time."""
UNROLL = 4
"""Quads of input values of a loop body."""


class FullyConnectedDsp(Kernel):
    """Groups of six outputs, accumulators in registers."""

    name = "fully_connected_dsp"
    provider = "tinygen"
    op = "FULLY_CONNECTED"

    def refusal(self, node: Node, core: Core) -> str | None:
        if not core.dsp or core.mve:
            return "the core has no DSP extension, or Helium, which is faster"
        if node.input(1).shape[1] % 4:
            return "the rows of the filter are not a multiple of four long"
        return None

    def implement(self, node: Node, core: Core) -> Implementation:
        x, weights = node.input(0), node.input(1).constant
        outputs, depth = weights.shape
        sums = weights.sum(axis=1, dtype=np.int64)
        bias = fold_zero_point(bias_of(node, outputs), sums, x.quant.zero_point)
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        scaling = requantizer(
            *requantization(node),
            accumulator_bound(weights, bias),
            node.output.quant.zero_point,
            low,
            high,
        )
        return Implementation(
            kernel=self,
            params={
                "rows": x.size // depth,
                "depth": depth,
                "outputs": outputs,
                "group": GROUP,
                "unroll": UNROLL,
                "double": scaling.doubled,
                **scaling.context,
            },
            label=f"{depth}_to_{outputs}",
            arguments=(input_(), output(), constant("stream")),
            constants=(_stream(weights, bias, scaling),),
            # Measured on Cortex-M4: instructions per multiply-accumulate, and per output.
            cycles=x.size // depth * outputs * (depth * 1.3 + 12.0),
            code_bytes=500,
            includes=("tinygen_math.h", "tinygen_simd.h"),
        )


def _stream(weights: Array, bias: Array, scaling: Requantizer) -> Constant:
    """Per group of outputs: biases, quads of weights in turn, requantization words."""
    quads = quad_words(weights)
    parts: list[Array] = []
    for first in range(0, len(bias), GROUP):
        group = slice(first, first + GROUP)
        parts += [bias[group], quads[group].T.reshape(-1), scaling.parameters[group].reshape(-1)]
    data = np.concatenate(parts).astype(np.int32)
    return Constant("stream", data, "biases, quads of weights, requantization")


KERNEL = FullyConnectedDsp()
