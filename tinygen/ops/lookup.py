"""Operators whose output is a function of one int8 value: 256 answers say everything."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Array, Node, Shape, Tensor
from tinygen.numerics import quantize_multiplier, requantize
from tinygen.ops import operator
from tinygen.ops.base import Draw, Operator, draw_quantized
from tinygen.ops.shapes import draw_shape, present

if TYPE_CHECKING:
    from collections.abc import Sequence

# Every int8 value, at the place of its two's complement byte read as unsigned.
BYTES = np.arange(256, dtype=np.uint8).view(np.int8)


def table(node: Node) -> Array:
    """The node's int8 outputs for all inputs: entry ``(uint8_t)x`` answers the int8 value x."""
    return operator(node.op).compute(node, [BYTES])[0]


class Lookup(Operator):
    """One int8 input, one int8 output of the same shape, each element on its own."""

    @abstractmethod
    def apply(self, node: Node, x: Array) -> Array:
        """Stored outputs before saturation to int8, for stored inputs ``x`` in int64."""

    def draw_options(self, draw: Draw) -> object:
        """Options for an example."""
        return self.options_type()

    def draw_output(self, draw: Draw, x: Tensor) -> Tensor:
        """The output of an example with input ``x``."""
        return draw_quantized(draw, "output", x.shape)

    def check(self, node: Node) -> None:
        self.require_int8(node, node.input(0), node.output)

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        return (node.input(0).shape,)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        y = self.apply(node, present(inputs).astype(np.int64))
        return (np.clip(y, -128, 127).astype(np.int8),)

    def sample(self, draw: Draw) -> Node:
        x = draw_quantized(draw, "input", draw_shape(draw))
        y = self.draw_output(draw, x)
        return Node(self.name, self.name.lower(), (x,), (y,), self.draw_options(draw))


class Sigmoid(Lookup):
    """A function that is flat outside (-15, 15) and fixed-point inside."""

    integer_bits = 4

    @abstractmethod
    def squash(self, x: Array) -> Array:
        """Stored outputs for inputs in fixed point with :attr:`integer_bits` integer bits."""

    def check(self, node: Node) -> None:
        super().check(node)
        self.require_factor(node, node.input(0).quant.scale)

    def apply(self, node: Node, x: Array) -> Array:
        """Beyond what the integer bits hold the output is the end of the int8 range.

        Formula: TFLite ``CalculateInputRadius`` and the int8 kernels that use it.
        """
        quantization = node.input(0).quant
        centred = x - quantization.zero_point
        factor = quantization.scale * 2.0 ** (31 - self.integer_bits)
        largest = (2**self.integer_bits - 1) * 2.0 ** (31 - self.integer_bits)
        radius = math.floor(math.ldexp(largest, -math.frexp(factor)[1]))
        inside = self.squash(requantize(centred, *quantize_multiplier(factor)))
        return np.where(centred <= -radius, -128, np.where(centred >= radius, 127, inside))
