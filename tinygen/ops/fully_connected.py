"""FULLY_CONNECTED: rows of the input times a constant matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Node
from tinygen.numerics import activation_range, requantize, wrap_int32
from tinygen.ops.base import ACTIVATIONS, Draw, Operator, draw_quantized, quantized
from tinygen.ops.weights import (
    bias_of,
    channel_factors,
    draw_weights,
    require_weights,
    split_factors,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Array, Shape


@dataclass(frozen=True)
class FullyConnectedOptions:
    """Fields of TFLite's FullyConnectedOptions that have a meaning for int8."""

    fused_activation_function: str = "NONE"
    weights_format: str = "DEFAULT"
    keep_num_dims: bool = False


def _factors(node: Node) -> list[float]:
    """Requantization factor of every output.

    With scales per channel as in CONV_2D. With one scale for all, TFLite Micro multiplies input
    and filter scale in single precision (``GetQuantizedConvolutionMultipler``).
    """
    x, w, y = node.input(0).quant, node.input(1).quant, node.output.quant
    outputs = node.input(1).shape[0]
    if w.per_channel:
        return channel_factors(node, outputs)
    product = np.float32(x.scale) * np.float32(w.scale)
    return [float(product) / y.scale] * outputs


def requantization(node: Node) -> tuple[Array, Array]:
    """Multipliers and shifts, one per output."""
    return split_factors(_factors(node))


class FullyConnected(Operator):
    """y[o] = requantize(sum (x - zero_point) * w[o] + bias[o]), for every row x of the input."""

    name = "FULLY_CONNECTED"
    table = "FullyConnectedOptions"
    options_type = FullyConnectedOptions
    enums = {
        "fused_activation_function": "ActivationFunctionType",
        "weights_format": "FullyConnectedOptionsWeightsFormat",
    }

    def check(self, node: Node) -> None:
        x = node.input(0)
        self.require_int8(node, x, node.output)
        self.require_activation(node)
        require_weights(self, node, rank=2, axis=0)
        self.require(
            node,
            node.options.weights_format == "DEFAULT",
            f"its weights are stored as {node.options.weights_format}",
            "export the model with weights in the default format",
        )
        depth = node.input(1).shape[1]
        row = x.shape[-1] if node.options.keep_num_dims and x.shape else x.size
        self.require(
            node,
            len(x.shape) > 0
            and row > 0
            and row % depth == 0
            and (row == depth or not node.options.keep_num_dims),
            f"the filter expects rows of {depth} values and the input has shape {x.shape}",
            "flatten the input to rows of that length",
        )
        for factor in _factors(node):
            self.require_factor(node, factor)

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        x, (outputs, depth) = node.input(0), node.input(1).shape
        if node.options.keep_num_dims:
            return ((*x.shape[:-1], outputs),)
        return ((x.size // depth, outputs),)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        x, w = inputs[0], node.input(1).constant.astype(np.float64)
        assert x is not None
        rows = x.reshape(-1, w.shape[1]).astype(np.float64) - node.input(0).quant.zero_point
        # float64 sums of these products are exact below 2**53 and use the BLAS.
        acc = (rows @ w.T).astype(np.int64) + bias_of(node, w.shape[0])
        y = requantize(wrap_int32(acc), *requantization(node)) + node.output.quant.zero_point
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        return (np.clip(y, low, high).astype(np.int8).reshape(self.shapes(node)[0]),)

    def macs(self, node: Node) -> int:
        return node.output.size * node.input(1).shape[1]

    def sample(self, draw: Draw) -> Node:
        depth, outputs = draw.integer(1, 80), draw.integer(1, 24)
        rows = draw.choice(((), (1,), (1, 1), (1, 3), (4,), (1, 2, 3)))
        options = FullyConnectedOptions(
            fused_activation_function=draw.choice(ACTIVATIONS),
            keep_num_dims=draw.choice((False, True)),
        )
        shape = (*rows, depth)
        if not options.keep_num_dims and depth % 2 == 0:
            shape = draw.choice((shape, (*rows, depth // 2, 2)))
        x = draw_quantized(draw, "input", shape)
        inputs = (x, *draw_weights(draw, x, (outputs, depth), axis=0))
        node = Node(self.name, "dense", inputs, (quantized("output", (), 1.0, 0),), options)
        return node.replace(outputs=(draw_quantized(draw, "output", self.shapes(node)[0]),))


OPERATOR = FullyConnected()
