"""SPLIT: cut a tensor into equal parts along an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Array, Node, Shape
from tinygen.ops.base import Draw, Operator, draw_quantized
from tinygen.ops.shapes import (
    draw_shape,
    integers,
    present,
    require_axis,
    require_integers,
    require_rank,
    scalar_tensor,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class SplitOptions:
    """``num_splits`` is the number of outputs."""

    num_splits: int = 0


def axis(node: Node) -> int:
    """The axis that is cut, counted from the front."""
    return integers(node, 0)[0] % len(node.input(1).shape)


class Split(Operator):
    """The axis is input 0 and the tensor input 1, in the order of TensorFlow."""

    name = "SPLIT"
    table = "SplitOptions"
    options_type = SplitOptions

    def check(self, node: Node) -> None:
        x, parts = node.input(1), node.options.num_splits
        self.require_int8(node, x, *node.outputs)
        axes = require_integers(self, node, 0, "axis")
        self.require(node, len(axes) == 1, f"it names {len(axes)} axes", "name one axis")
        require_rank(self, node, x)
        require_axis(self, node, axes[0], len(x.shape))
        self.require(
            node,
            parts == len(node.outputs) and parts > 0,
            f"it cuts into {parts} parts and has {len(node.outputs)} outputs",
            "give it one output per part",
        )
        self.require(
            node,
            x.shape[axis(node)] % parts == 0,
            f"axis {axis(node)} of length {x.shape[axis(node)]} has no {parts} equal parts",
            "cut it into parts that divide it",
        )

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        parts: int = node.options.num_splits
        shape = list(node.input(1).shape)
        shape[axis(node)] //= parts
        return (tuple(shape),) * parts

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        return tuple(np.split(present(inputs, 1), node.options.num_splits, axis(node)))

    def sample(self, draw: Draw) -> Node:
        part = draw_shape(draw, largest=5)
        cut, count = draw.integer(0, len(part) - 1), draw.integer(1, 4)
        whole = (*part[:cut], part[cut] * count, *part[cut + 1 :])
        x = draw_quantized(draw, "input", whole)
        return Node(
            self.name,
            "split",
            (scalar_tensor("axis", cut - draw.choice((0, len(part)))), x),
            tuple(draw_quantized(draw, f"output{index}", part) for index in range(count)),
            SplitOptions(count),
        )


OPERATOR = Split()
