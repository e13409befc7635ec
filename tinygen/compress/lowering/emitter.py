"""The float graph under construction.

A float graph is an :class:`~tinygen.ir.Graph` of TFLite operators on float32 tensors, its weights
in TFLite's layouts. It stands between Keras and the int8 graph. One operator is not TFLite's:
:data:`AFFINE`, which :mod:`tinygen.compress.fold` replaces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen.errors import UnsupportedError
from tinygen.ir import Array, Node, Shape, Tensor
from tinygen.ops import operator
from tinygen.ops.base import FLOAT32, INT32

if TYPE_CHECKING:
    from collections.abc import Sequence

AFFINE = "AFFINE"
"""y[..., c] = x[..., c] * scale[c] + offset[c]; inputs (x, scale, offset), vectors of float32."""


def stored_shape(shape: Sequence[int]) -> Shape:
    """How a Keras value of this shape (batch included) lies in the graph.

    Sequences (batch, steps, channels) are stored as images of one row, so that everything that
    works on images works on them without reshaping.
    """
    return (shape[0], 1, shape[1], shape[2]) if len(shape) == 3 else tuple(shape)


@dataclass(frozen=True)
class Call:
    """One use of a layer: the layer, its inputs as they lie in the graph, and Keras' own shapes.

    ``shapes`` are those of the inputs, ``shape`` that of the output, batch (1) included.
    """

    layer: Any
    inputs: tuple[Tensor, ...]
    shapes: tuple[Shape, ...]
    shape: Shape

    @property
    def name(self) -> str:
        """The layer's name."""
        return str(self.layer.name)

    @property
    def stored_shape(self) -> Shape:
        """The output's shape as it lies in the graph."""
        return stored_shape(self.shape)

    @property
    def input(self) -> Tensor:
        """The first input."""
        return self.inputs[0]

    def stored_axis(self, axis: int) -> int:
        """An axis of the first input, as the graph counts it."""
        rank = len(self.shapes[0])
        axis %= rank
        return axis + 1 if rank == 3 and axis > 0 else axis

    def is_last(self, axis: int) -> bool:
        """Whether the axis is the first input's last one, that of the channels."""
        return axis % len(self.shapes[0]) == len(self.shapes[0]) - 1

    def refusal(self, what: str, instead: str) -> UnsupportedError:
        """The error for a layer outside the contract: ``what`` it asks for, what to do."""
        kind = type(self.layer).__name__
        return UnsupportedError(f"layer {self.name!r} ({kind}): {what}; {instead}")

    def require(self, condition: bool, what: str, instead: str) -> None:
        """Raise :meth:`refusal` unless the condition holds."""
        if not condition:
            raise self.refusal(what, instead)

    def require_channels_last(self) -> None:
        """Refuse layers that expect the channels before rows and columns."""
        layout = getattr(self.layer, "data_format", "channels_last")
        self.require(layout == "channels_last", f"data_format {layout}", "use channels_last")


class Emitter:
    """Collects nodes in execution order; every name it gives out is unique."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._taken: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether the name is given out already."""
        return name in self._taken

    def unique(self, name: str) -> str:
        """The name, with a number behind it where it is taken."""
        candidate, count = name, 1
        while candidate in self._taken:
            candidate, count = f"{name}_{count}", count + 1
        self._taken.add(candidate)
        return candidate

    def emit(self, op: str, name: str, inputs: Sequence[Tensor | None], **options: Any) -> Tensor:
        """Append a node and return its output, whose shape the operator infers."""
        name = self.unique(name)
        if op == AFFINE:
            source = inputs[0]
            assert source is not None
            output = Tensor(name, source.shape, FLOAT32)
            self.nodes.append(Node(op, name, tuple(inputs), (output,)))
            return output
        definition = operator(op)
        placeholder = Tensor(name, (), FLOAT32)
        node = Node(op, name, tuple(inputs), (placeholder,), definition.options_type(**options))
        output = Tensor(name, definition.shapes(node)[0], FLOAT32)
        self.nodes.append(node.replace(outputs=(output,)))
        return output

    def constant(self, name: str, data: Any) -> Tensor:
        """A float32 constant."""
        array: Array = np.asarray(data, np.float32).copy()
        return Tensor(self.unique(name), array.shape, FLOAT32, None, array)

    def integers(self, name: str, data: Any) -> Tensor:
        """An int32 constant: a shape, axes, paddings."""
        array: Array = np.array(data, np.int32)
        return Tensor(self.unique(name), array.shape, INT32, None, array)

    def reshape(self, name: str, x: Tensor, shape: Sequence[int]) -> Tensor:
        """The same values in another shape; no node where the shape is the same."""
        if x.shape == tuple(shape):
            return x
        return self.emit("RESHAPE", name, (x, self.integers(f"{name}/shape", shape)))

    def pad(self, name: str, x: Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
        """An image with zeros around it; ``rows`` and ``columns`` are (before, after)."""
        paddings = self.integers(f"{name}/paddings", ((0, 0), rows, columns, (0, 0)))
        return self.emit("PAD", name, (x, paddings))
