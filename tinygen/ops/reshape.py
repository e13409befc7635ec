"""RESHAPE: the same values in another shape."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Node, Tensor
from tinygen.ops.base import FLOAT32, INT8, INT32, Draw, Operator, draw_quantized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Array, Shape


MAX_RANK = 8


@dataclass(frozen=True)
class ReshapeOptions:
    """Fields of TFLite's ReshapeOptions; a shape in input 1 goes before ``new_shape``."""

    new_shape: tuple[int, ...] = ()


def _wanted(node: Node) -> Shape:
    """The shape that is asked for, in which one size may be -1."""
    given = node.optional_input(1)
    if given is None:
        return tuple(node.options.new_shape)
    return tuple(int(size) for size in given.constant)


class Reshape(Operator):
    """y = x with the sizes of input 1, or of the options, one of which may be left open as -1."""

    name = "RESHAPE"
    table = "ReshapeOptions"
    options_type = ReshapeOptions

    def check(self, node: Node) -> None:
        x, given = node.input(0), node.optional_input(1)
        self.require(
            node,
            x.dtype in (INT8, INT32, FLOAT32) and x.dtype == node.output.dtype,
            f"it turns {x.dtype} into {node.output.dtype}",
            "use int8 on both sides",
        )
        self.require(
            node,
            given is None
            or (
                given.is_constant
                and given.dtype == INT32
                and len(given.shape) == 1
                and given.size <= MAX_RANK
            ),
            f"its shape is not a constant int32 vector of at most {MAX_RANK} sizes",
            "export the model with a static batch size",
        )
        wanted = _wanted(node)
        known = math.prod(size for size in wanted if size != -1)
        self.require(
            node,
            all(size > 0 or size == -1 for size in wanted)
            and (known == x.size or (wanted.count(-1) == 1 and x.size % known == 0)),
            f"shape {x.shape} cannot become {wanted}",
            "ask for a shape of the same number of values",
        )

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        wanted = _wanted(node)
        known = math.prod(size for size in wanted if size != -1)
        return (tuple(node.input(0).size // known if n == -1 else n for n in wanted),)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        x = inputs[0]
        assert x is not None
        return (x.reshape(self.shapes(node)[0]),)

    def sample(self, draw: Draw) -> Node:
        factors = [draw.choice((1, 2, 3, 5)) for _ in range(draw.integer(1, 5))]
        cut = draw.integer(0, len(factors))
        x = draw_quantized(draw, "input", tuple(factors))
        wanted = [math.prod(factors[:cut]), *reversed(factors[cut:])]
        if draw.integer(0, 1):
            wanted[draw.integer(0, len(wanted) - 1)] = -1
        data = np.array(wanted, np.int32)
        inputs: tuple[Tensor, ...] = (x,)
        options = ReshapeOptions(tuple(wanted))
        if draw.integer(0, 1):
            inputs = (x, Tensor("shape", data.shape, INT32, None, data))
            options = ReshapeOptions()
        node = Node(self.name, "reshape", inputs, (x,), options)
        return node.replace(outputs=(replace(x, name="output", shape=self.shapes(node)[0]),))


OPERATOR = Reshape()
