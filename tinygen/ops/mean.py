"""MEAN: the mean over any axes, requantized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Node, Tensor
from tinygen.numerics import quantize_multiplier, requantize, wrap_int32
from tinygen.ops.base import INT32, Draw, Operator, draw_quantized, quantized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Array, Shape


MAX_COUNT = 1 << 22  # Sums of that many centred values stay inside 32 bits.


@dataclass(frozen=True)
class ReducerOptions:
    """Fields of TFLite's ReducerOptions."""

    keep_dims: bool = False


def axes(node: Node) -> tuple[int, ...]:
    """The reduced axes: not negative, each once, rising."""
    rank = len(node.input(0).shape)
    return tuple(sorted({int(axis) % rank for axis in node.input(1).constant.ravel()}))


def count(node: Node) -> int:
    """How many input values one output value is the mean of."""
    return int(np.prod([node.input(0).shape[axis] for axis in axes(node)], dtype=np.int64))


def requantization(node: Node) -> tuple[int, int]:
    """Multiplier and shift that take a sum to the output's scale.

    The division by the number of values is taken into the multiplier with as many bits as the
    shift has room for (TFLite ``QuantizedMeanOrSum``).
    """
    multiplier, shift = quantize_multiplier(node.input(0).quant.scale / node.output.quant.scale)
    number = count(node)
    room = min(number.bit_length() - 1, 32, 31 + shift)
    return (multiplier << room) // number, shift - room


class Mean(Operator):
    """y = requantize(sum over the axes of (x - zero_point)), the factor holding 1 / count."""

    name = "MEAN"
    table = "ReducerOptions"
    options_type = ReducerOptions

    def check(self, node: Node) -> None:
        x, axis = node.input(0), node.input(1)
        self.require_int8(node, x, node.output)
        self.require(
            node,
            axis.is_constant and axis.dtype == INT32,
            "its axes are not constant int32 values",
            "export the model with constant axes",
        )
        rank = len(x.shape)
        self.require(
            node,
            x.size > 0 and all(-rank <= value < rank for value in axis.constant.ravel()),
            f"axes {axis.constant.ravel().tolist()} do not exist in its input of shape {x.shape}",
            "name axes of the input",
        )
        self.require(
            node,
            count(node) <= MAX_COUNT,
            f"it is the mean of {count(node)} values",
            f"reduce at most {MAX_COUNT} values at a time",
        )
        self.require_factor(node, x.quant.scale / node.output.quant.scale)

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        reduced = axes(node)
        sizes = enumerate(node.input(0).shape)
        if node.options.keep_dims:
            return (tuple(1 if i in reduced else size for i, size in sizes),)
        return (tuple(size for i, size in sizes if i not in reduced),)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        x = inputs[0]
        assert x is not None
        total = x.astype(np.int64).sum(axis=axes(node), keepdims=node.options.keep_dims)
        acc = wrap_int32(np.asarray(total) - node.input(0).quant.zero_point * count(node))
        y = requantize(acc, *requantization(node)) + node.output.quant.zero_point
        return (np.clip(y, -128, 127).astype(np.int8),)

    def sample(self, draw: Draw) -> Node:
        rank = draw.integer(1, 5)
        x = draw_quantized(
            draw, "input", tuple(draw.integer(1, (60, 24, 12, 7, 4)[rank - 1]) for _ in range(rank))
        )
        reduced = [draw.integer(-rank, rank - 1) for _ in range(draw.integer(1, rank))]
        if rank == 4 and draw.integer(0, 1):
            reduced = [1, 2]
        data = np.array(reduced, np.int32)
        node = Node(
            self.name,
            "mean",
            (x, Tensor("axes", data.shape, INT32, None, data)),
            (quantized("output", (), 1.0, 0),),
            ReducerOptions(keep_dims=draw.choice((False, True))),
        )
        return node.replace(outputs=(draw_quantized(draw, "output", self.shapes(node)[0]),))


OPERATOR = Mean()
