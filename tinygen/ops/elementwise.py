"""What operators on two broadcast inputs share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Node
from tinygen.numerics import activation_range, quantize_multiplier, requantize
from tinygen.ops.base import ACTIVATIONS, Draw, Operator, draw_quantized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Array, Shape

MAX_RANK = 6


def require_broadcast(op: Operator, node: Node) -> None:
    """Refuse two inputs whose shapes do not broadcast, or have more than MAX_RANK dimensions."""
    a, b = node.input(0).shape, node.input(1).shape
    sizes = zip(reversed(a), reversed(b), strict=False)
    op.require(
        node,
        all(m == n or 1 in (m, n) for m, n in sizes),
        f"its input shapes {a} and {b} do not broadcast",
        "make them equal, or 1 where they differ",
    )
    op.require(
        node,
        max(len(a), len(b)) <= MAX_RANK,
        f"its inputs have {max(len(a), len(b))} dimensions, more than {MAX_RANK}",
        "reshape them to fewer dimensions",
    )


def broadcast_shape(node: Node) -> Shape:
    """Shape of the output of a node whose inputs broadcast."""
    return np.broadcast_shapes(node.input(0).shape, node.input(1).shape)


def draw_broadcast_shapes(draw: Draw) -> tuple[Shape, Shape]:
    """Two shapes that broadcast: equal, a scalar, fewer dimensions, or ones anywhere."""
    rank = draw.integer(1, 5)
    shape = tuple(draw.integer(1, (30, 12, 6, 4, 3)[rank - 1]) for _ in range(rank))
    kind = draw.choice(("equal", "equal", "scalar", "shorter", "ones", "both"))
    if kind == "equal":
        return shape, shape
    if kind == "scalar":
        other: Shape = draw.choice(((), (1,), (1,) * rank))
    elif kind == "shorter":
        other = shape[draw.integer(0, rank) :]
    else:
        other = tuple(draw.choice((1, size)) for size in shape)
    if kind == "both":
        shape = tuple(
            draw.choice((1, size)) if size == n else size
            for size, n in zip(shape, other, strict=True)
        )
    return draw.choice(((shape, other), (other, shape)))


@dataclass(frozen=True)
class ArithmeticOptions:
    """The field that TFLite's AddOptions, SubOptions and MulOptions share."""

    fused_activation_function: str = "NONE"


class Arithmetic(Operator):
    """An int8 operator on two broadcast inputs with a fused activation."""

    options_type = ArithmeticOptions
    enums = {"fused_activation_function": "ActivationFunctionType"}

    @abstractmethod
    def combine(self, node: Node, a: Array, b: Array) -> Array:
        """The requantized result, relative to the output's zero point, before clamping.

        ``a`` and ``b`` are int64 differences to the inputs' zero points, in [-255, 255].
        """

    @abstractmethod
    def check_scales(self, node: Node) -> None:
        """Refuse scales whose requantization factors do not fit."""

    def check(self, node: Node) -> None:
        self.require_int8(node, node.input(0), node.input(1), node.output)
        self.require_activation(node)
        require_broadcast(self, node)
        self.check_scales(node)

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        return (broadcast_shape(node),)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        centred = []
        for tensor, value in zip((node.input(0), node.input(1)), inputs, strict=True):
            assert value is not None
            centred.append(value.astype(np.int64) - tensor.quant.zero_point)
        y = self.combine(node, *centred) + node.output.quant.zero_point
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        return (np.clip(y, low, high).astype(np.int8),)

    def sample(self, draw: Draw) -> Node:
        shapes = draw_broadcast_shapes(draw)
        constant = draw.choice((None, None, 0, 1))
        inputs = tuple(
            draw_quantized(
                draw,
                f"input_{i}",
                shape,
                draw.array(shape, -128, 127, np.dtype(np.int8)) if i == constant else None,
            )
            for i, shape in enumerate(shapes)
        )
        if constant is None and shapes[0] == shapes[1] and draw.integer(0, 3) == 0:
            inputs = (inputs[0], inputs[0])
        options = ArithmeticOptions(draw.choice(ACTIVATIONS))
        y = draw_quantized(draw, "output", np.broadcast_shapes(*shapes))
        return Node(self.name, self.name.lower(), inputs, (y,), options)


# ADD and SUB bring both inputs to a common scale with this many extra bits.
SUM_LEFT_SHIFT = 20


@dataclass(frozen=True)
class SumFactors:
    """Real factors of ADD and SUB: of each input to the common scale, and back to the output's."""

    input_0: float
    input_1: float
    output: float


class Sum(Arithmetic):
    """ADD and SUB: both inputs are brought to a common scale, combined, and requantized."""

    sign: int

    @abstractmethod
    def factors(self, node: Node) -> SumFactors:
        """The requantization factors; the inputs' are at most one half."""

    def check_scales(self, node: Node) -> None:
        factor = self.factors(node).output
        self.require(
            node,
            factor > 0 and quantize_multiplier(factor)[1] <= 0,
            f"its output scale is {node.output.quant.scale:g}, a millionth of an input scale",
            "quantize the model with scales of comparable size",
        )

    def combine(self, node: Node, a: Array, b: Array) -> Array:
        factors = self.factors(node)
        total = requantize(a << SUM_LEFT_SHIFT, *quantize_multiplier(factors.input_0))
        total = total + self.sign * requantize(
            b << SUM_LEFT_SHIFT, *quantize_multiplier(factors.input_1)
        )
        return requantize(total, *quantize_multiplier(factors.output))
