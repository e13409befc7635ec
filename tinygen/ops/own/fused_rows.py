"""FUSED_ROWS: a chain of layers as one node, so that a kernel may compute it row by row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from tinygen.ir import Node, Tensor
from tinygen.ops import operator
from tinygen.ops.base import ACTIVATIONS, Draw, Operator, draw_quantized
from tinygen.ops.conv_2d import Conv2DOptions
from tinygen.ops.depthwise_conv_2d import DepthwiseConv2DOptions
from tinygen.ops.elementwise import ArithmeticOptions
from tinygen.ops.shapes import present
from tinygen.ops.weights import draw_weights
from tinygen.ops.windows import draw_geometry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Array, Shape

WINDOWS = ("CONV_2D", "DEPTHWISE_CONV_2D")
SUMS = ("ADD",)


@dataclass(frozen=True)
class FusedRowsOptions:
    """``nodes`` is the chain: each reads the output of the one before.

    Besides that a convolution reads constants, and a sum another tensor from outside the chain.
    """

    nodes: tuple[Node, ...] = ()


class FusedRows(Operator):
    """y = the last output of the chain, computed one layer after the other.

    The node's inputs are that of the first layer, a convolution, and then what the sums add, one
    after the other; a tensor may be several of them. What lies between the layers is no tensor of
    the graph any more.
    """

    name = "FUSED_ROWS"
    options_type = FusedRowsOptions

    def check(self, node: Node) -> None:
        chain = node.options.nodes
        self.require(
            node,
            bool(chain)
            and chain[0].op in WINDOWS
            and node.outputs == chain[-1].outputs
            # Each layer reads the one before, and the inputs are what they read beside that.
            and node.inputs == (chain[0].input(0), *sides(chain))
            and all(continues(a, b) for a, b in pairwise(chain))
            and chain[0].input(0).shape[0] == 1,
            "its layers are no chain of convolutions and sums of one sample",
            "this is a mistake in tinygen, please report it",
        )
        for inner in chain:
            operator(inner.op).check(inner)

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        last = node.options.nodes[-1]
        return operator(last.op).shapes(last)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        value, added = present(inputs), iter(inputs[1:])
        x: Tensor = node.options.nodes[0].input(0)
        for inner in node.options.nodes:
            given = [
                value if t is x else t if t is None else t.data if t.is_constant else next(added)
                for t in inner.inputs
            ]
            (value,) = operator(inner.op).compute(inner, given)
            x = inner.output
        return (value,)

    def macs(self, node: Node) -> int:
        return sum(operator(inner.op).macs(inner) for inner in node.options.nodes)

    def sample(self, draw: Draw) -> Node:
        shape = (1, draw.integer(3, 14), draw.integer(3, 14), draw.choice((1, 3, 4, 8)))
        x = draw_quantized(draw, "input", shape)
        chain: list[Node] = []
        for number in range(draw.integer(1, 4)):
            before = chain[-1].output if chain else x
            if chain and draw.integer(0, 3) == 0:
                chain.append(_drawn_sum(draw, number, before, x))
            else:
                chain.append(_drawn(draw, number, before))
        return fused(chain)


def continues(layer: Node, after: Node) -> bool:
    """Whether a layer can follow another in a chain."""
    x = layer.output
    if after.op in WINDOWS:
        return after.activations == (x,)
    shapes = {tensor.shape for tensor in (*after.activations, after.output)}
    return (
        after.op in SUMS and len(after.activations) == 2 and x in after.inputs and len(shapes) == 1
    )


def sides(chain: Sequence[Node]) -> tuple[Tensor, ...]:
    """What the sums of a chain add to the chain, in order."""
    return tuple(t for a, b in pairwise(chain) for t in b.activations if t is not a.output)


def fused(chain: Sequence[Node]) -> Node:
    """The chain as one checked node, named after its ends."""
    names = chain[0].name if len(chain) == 1 else f"{chain[0].name} to {chain[-1].name}"
    node = Node(
        "FUSED_ROWS",
        names,
        (chain[0].input(0), *sides(chain)),
        (chain[-1].output,),
        FusedRowsOptions(tuple(chain)),
    )
    OPERATOR.check(node)
    return node


def _drawn(draw: Draw, number: int, x: Tensor) -> Node:
    """A convolution on ``x``, mostly of channels in fours, as most networks have them."""
    _, height, width, depth = x.shape
    padding, kernel = draw_geometry(draw, height, width)
    kernel = draw.choice((kernel, (1, 1)))
    stride, activation = draw.integer(1, 2), draw.choice(ACTIVATIONS)
    if draw.integer(0, 1):
        channels = draw.choice((4, 8, draw.integer(1, 9)))
        weights = draw_weights(draw, x, (channels, *kernel, depth), axis=0)
        node = Node("CONV_2D", "", (x, *weights), (x,), Conv2DOptions())
    else:
        weights = draw_weights(draw, x, (1, *kernel, depth), axis=3)
        node = Node("DEPTHWISE_CONV_2D", "", (x, *weights), (x,), DepthwiseConv2DOptions())
    options = replace(
        node.options,
        padding=padding,
        stride_h=stride,
        stride_w=stride,
        fused_activation_function=activation,
    )
    node = node.replace(name=f"layer_{number}", options=options)
    y = draw_quantized(draw, f"between_{number}", operator(node.op).shapes(node)[0])
    return node.replace(outputs=(y,))


def _drawn_sum(draw: Draw, number: int, x: Tensor, first: Tensor) -> Node:
    """The sum of ``x`` and another tensor: ``first`` where that has its shape, or a new one."""
    side = draw_quantized(draw, f"side_{number}", x.shape)
    if first.shape == x.shape and draw.integer(0, 1):
        side = first
    inputs = draw.choice(((x, side), (side, x)))
    options = ArithmeticOptions(draw.choice(ACTIVATIONS))
    y = draw_quantized(draw, f"between_{number}", x.shape)
    return Node("ADD", f"layer_{number}", inputs, (y,), options)


OPERATOR = FusedRows()
