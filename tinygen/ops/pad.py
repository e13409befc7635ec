"""PAD: the output's zero point around the input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Node, Tensor
from tinygen.ops.base import INT32, Draw, Operator, draw_quantized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Array, Shape

MAX_RANK = 5


def paddings(node: Node) -> tuple[tuple[int, int], ...]:
    """Values before and behind the input, per axis."""
    return tuple((int(before), int(behind)) for before, behind in node.input(1).constant)


class Pad(Operator):
    """y = the input, surrounded by the stored value of zero; the input is not requantized."""

    name = "PAD"
    table = "PadOptions"

    def check(self, node: Node) -> None:
        x, pads = node.input(0), node.input(1)
        self.require_int8(node, x, node.output)
        self.require(
            node,
            len(x.shape) <= MAX_RANK,
            f"its input has {len(x.shape)} dimensions, more than {MAX_RANK}",
            "reshape it to fewer dimensions",
        )
        self.require(
            node,
            pads.is_constant and pads.dtype == INT32 and pads.shape == (len(x.shape), 2),
            "its paddings are not a constant int32 pair per axis",
            "export the model with constant int32 paddings",
        )
        self.require(
            node,
            bool(np.all(pads.constant >= 0)),
            f"its paddings {pads.constant.tolist()} are negative",
            "crop with SLICE instead",
        )

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        sizes = zip(node.input(0).shape, paddings(node), strict=True)
        return (tuple(before + size + behind for size, (before, behind) in sizes),)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        x = inputs[0]
        assert x is not None
        return (np.pad(x, paddings(node), constant_values=node.output.quant.zero_point),)

    def sample(self, draw: Draw) -> Node:
        rank = draw.integer(1, MAX_RANK)
        x = draw_quantized(
            draw, "input", tuple(draw.integer(1, (40, 12, 7, 5, 4)[rank - 1]) for _ in range(rank))
        )
        data = draw.array((rank, 2), 0, 3, INT32)
        pads = Tensor("paddings", (rank, 2), INT32, None, data)
        node = Node(self.name, "pad", (x, pads), (x,), self.options_type())
        y = draw_quantized(draw, "output", self.shapes(node)[0])
        return node.replace(outputs=(y,))


OPERATOR = Pad()
