"""FUSED_ROWS: a chain of convolutions as one node, so that a kernel may compute it row by row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tinygen.ir import Node, Tensor
from tinygen.ops import operator
from tinygen.ops.base import ACTIVATIONS, Draw, Operator, draw_quantized
from tinygen.ops.conv_2d import Conv2DOptions
from tinygen.ops.depthwise_conv_2d import DepthwiseConv2DOptions
from tinygen.ops.shapes import present
from tinygen.ops.weights import draw_weights
from tinygen.ops.windows import draw_geometry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Array, Shape

LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D")


@dataclass(frozen=True)
class FusedRowsOptions:
    """``nodes`` is the chain: each reads the output of the one before, and constants."""

    nodes: tuple[Node, ...] = ()


class FusedRows(Operator):
    """y = the last output of the chain, computed one layer after the other.

    The node has one input and one output, those of the whole chain; what lies between is no tensor
    of the graph any more.
    """

    name = "FUSED_ROWS"
    options_type = FusedRowsOptions

    def check(self, node: Node) -> None:
        chain = node.options.nodes
        tensors = [node.input(0), *(inner.output for inner in chain)]
        self.require(
            node,
            bool(chain)
            and all(inner.op in LAYERS for inner in chain)
            and all(inner.activations == (x,) for inner, x in zip(chain, tensors, strict=False))
            and tensors[-1] is node.output
            and tensors[0].shape[0] == 1,
            "its layers are no chain of convolutions of one sample",
            "this is a mistake in tinygen, please report it",
        )
        for inner in chain:
            operator(inner.op).check(inner)

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        last = node.options.nodes[-1]
        return operator(last.op).shapes(last)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        value = present(inputs)
        for inner in node.options.nodes:
            constants = (None if t is None else t.constant for t in inner.inputs[1:])
            (value,) = operator(inner.op).compute(inner, [value, *constants])
        return (value,)

    def macs(self, node: Node) -> int:
        return sum(operator(inner.op).macs(inner) for inner in node.options.nodes)

    def sample(self, draw: Draw) -> Node:
        shape = (1, draw.integer(3, 14), draw.integer(3, 14), draw.choice((1, 3, 4, 8)))
        x = draw_quantized(draw, "input", shape)
        chain: list[Node] = []
        for number in range(draw.integer(1, 4)):
            chain.append(_drawn(draw, number, chain[-1].output if chain else x))
        return fused(chain)


def fused(chain: Sequence[Node]) -> Node:
    """The chain as one checked node, named after its ends."""
    names = chain[0].name if len(chain) == 1 else f"{chain[0].name} to {chain[-1].name}"
    node = Node(
        "FUSED_ROWS",
        names,
        (chain[0].input(0),),
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


OPERATOR = FusedRows()
