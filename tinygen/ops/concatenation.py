"""CONCATENATION: join tensors of one quantization along an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Array, Node, Shape, Tensor
from tinygen.ops.base import INT8, Draw, Operator, draw_quantized, quantized
from tinygen.ops.shapes import draw_shape, require_axis, require_rank

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class ConcatenationOptions:
    """``axis`` may count from the end."""

    axis: int = 0
    fused_activation_function: str = "NONE"


class Concatenation(Operator):
    """y = the inputs one after the other along ``axis``."""

    name = "CONCATENATION"
    table = "ConcatenationOptions"
    options_type = ConcatenationOptions
    enums = {"fused_activation_function": "ActivationFunctionType"}

    def check(self, node: Node) -> None:
        tensors = [node.input(index) for index in range(len(node.inputs))]
        self.require_int8(node, *tensors, node.output)
        self.require(node, bool(tensors), "it has no inputs", "give it at least one input")
        require_rank(self, node, tensors[0])
        require_axis(self, node, node.options.axis, len(tensors[0].shape))
        self.require(
            node,
            node.options.fused_activation_function == "NONE",
            f"it has a fused {node.options.fused_activation_function}",
            "put the activation into a layer of its own",
        )
        output, first = node.output.quant, tensors[0].shape
        axis = node.options.axis % len(first)
        for tensor in tensors:
            quantization = tensor.quant
            self.require(
                node,
                (quantization.scale, quantization.zero_point) == (output.scale, output.zero_point),
                f"input {tensor.name!r} is not quantized like the output",
                "give all inputs and the output one scale and zero point",
            )
            self.require(
                node,
                len(tensor.shape) == len(first)
                and all(
                    a == b
                    for i, (a, b) in enumerate(zip(tensor.shape, first, strict=True))
                    if i != axis
                ),
                f"inputs of shapes {first} and {tensor.shape} do not meet along axis {axis}",
                "make them agree in all other axes",
            )

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        first = node.input(0).shape
        axis = node.options.axis % len(first)
        length = sum(node.input(index).shape[axis] for index in range(len(node.inputs)))
        return ((*first[:axis], length, *first[axis + 1 :]),)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        return (np.concatenate([x for x in inputs if x is not None], node.options.axis),)

    def sample(self, draw: Draw) -> Node:
        shape = draw_shape(draw, largest=5)
        axis = draw.integer(0, len(shape) - 1)
        y = draw_quantized(draw, "output", ())
        inputs: list[Tensor] = []
        for index in range(draw.integer(1, 4)):
            part = (*shape[:axis], draw.integer(1, 5), *shape[axis + 1 :])
            # The first input is computed at run time, and may come more than once.
            kind = draw.choice(("activation", "constant", "again")) if index else "activation"
            if kind == "again":
                inputs.append(inputs[0])
                continue
            data = draw.array(part, -128, 127, INT8) if kind == "constant" else None
            inputs.append(quantized(f"input{index}", part, y.quant.scale, y.quant.zero_point, data))
        options = ConcatenationOptions(axis=axis - draw.choice((0, len(shape))))
        node = Node(self.name, "concat", tuple(inputs), (y,), options)
        joined = self.shapes(node)[0]
        return node.replace(
            outputs=(quantized("output", joined, y.quant.scale, y.quant.zero_point),)
        )


OPERATOR = Concatenation()
