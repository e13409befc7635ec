"""FULLY_CONNECTED on cores with the DSP extension: six outputs at a time, int8 weights.

Four input values become two pairs and meet four weights of each output, in the order in which they
are read. Where the weights and sums allow it, these are stored as :func:`._dsp.paired_words`;
otherwise as plain int8, which takes one instruction more.

Exact: the accumulator is the same 32-bit sum in another order, or 256 times it by the proof of
:func:`._dsp.paired_words`, with the zero point folded into the bias, and requantization is exact by
the proof in :mod:`._dsp`. Every output reads the whole row, so the output never lies over the
input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels._dsp import (
    Requantizer,
    accumulator_bound,
    paired_bias,
    paired_words,
    pairs_up,
    quad_words,
    requantizer,
)
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
UNROLL = 8
"""Quads of input values of a loop body."""


class FullyConnectedDsp(Kernel):
    """Groups of six outputs, accumulators in registers."""

    name = "fully_connected_dsp"
    provider = "tinygen"
    op = "FULLY_CONNECTED"

    def refusal(self, node: Node, core: Core) -> str | None:
        if not core.dsp or core.mve:
            return "the core has no DSP extension, or Helium, which is faster"
        return None

    def implement(self, node: Node, core: Core) -> Implementation:
        x, weights = node.input(0), node.input(1).constant
        outputs, depth = weights.shape
        sums = weights.sum(axis=1, dtype=np.int64)
        # What lies behind the last input meets zero weights.
        fours = np.pad(weights, ((0, 0), (0, -depth % 4)))
        bias = fold_zero_point(bias_of(node, outputs), sums, x.quant.zero_point)
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        bound = accumulator_bound(weights, bias)
        scaling = requantizer(*requantization(node), bound, node.output.quant.zero_point, low, high)
        paired = pairs_up(fours, bound)
        # Measured on Cortex-M4: instructions per multiply-accumulate.
        per_mac = 1.02 if paired else 1.27
        return Implementation(
            kernel=self,
            params={
                "rows": x.size // depth,
                "depth": depth,
                "outputs": outputs,
                "group": GROUP,
                "unroll": UNROLL,
                "paired": paired,
                "doubled": scaling.doubled,
                **scaling.context,
            },
            label=f"{depth}_to_{outputs}",
            arguments=(input_(), output(), constant("stream")),
            constants=(_stream(fours, bias, scaling, paired=paired),),
            cycles=x.size // depth * outputs * (depth * per_mac + 12.0),
            code_bytes=1500,
            includes=("tinygen_math.h", "tinygen_simd.h"),
        )


def _stream(weights: Array, bias: Array, scaling: Requantizer, *, paired: bool) -> Constant:
    """Per group of outputs: biases, words of four weights in turn, requantization words."""
    words = paired_words(weights) if paired else quad_words(weights)
    start = paired_bias(bias, weights) if paired else bias
    parts: list[Array] = []
    for first in range(0, len(bias), GROUP):
        rows = slice(first, first + GROUP)
        parts += [start[rows], words[rows].T.reshape(-1), scaling.parameters[rows].reshape(-1)]
    data = np.concatenate(parts).astype(np.int32)
    return Constant("stream", data, "biases, fours of weights, requantization")


KERNEL = FullyConnectedDsp()
