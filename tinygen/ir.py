"""The graph that every stage after the front end works on.

All of it is immutable: a pass returns a new :class:`Graph` and leaves the old one alone, so that
the model as it was read stays available as the reference for the model as it was compiled.
Tensors and nodes are compared by identity.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Quantization:
    """Affine quantization, ``real = scale * (stored - zero_point)``.

    ``scales`` and ``zero_points`` hold one entry per tensor, or one per slice along ``axis``.
    Scales are Python floats that carry exactly the float32 value of the model file.
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int = 0

    @property
    def scale(self) -> float:
        """Scale of a tensor that is quantized as a whole."""
        return self.scales[0]

    @property
    def zero_point(self) -> int:
        """Zero point of a tensor that is quantized as a whole."""
        return self.zero_points[0]

    @property
    def per_channel(self) -> bool:
        """Whether there is one scale per slice along ``axis``."""
        return len(self.scales) > 1


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value in the graph: an activation, or a constant when ``data`` is set.

    ``source`` is the index of the tensor in the model file it was read from, None for tensors
    that a pass made; it is what lets a compiled graph be compared with the interpreter.
    """

    name: str
    shape: Shape
    dtype: np.dtype[Any]
    quantization: Quantization | None = None
    data: Array | None = None
    source: int | None = None

    def __post_init__(self) -> None:
        if self.data is not None:
            self.data.flags.writeable = False

    @property
    def is_constant(self) -> bool:
        """Whether the value is known when code is generated."""
        return self.data is not None

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Number of bytes the value takes, densely stored."""
        return self.size * self.dtype.itemsize

    @property
    def constant(self) -> Array:
        """The constant's value; it is a programming error to ask an activation for it."""
        if self.data is None:
            raise TypeError(f"tensor {self.name!r} is not a constant")
        return self.data

    @property
    def quant(self) -> Quantization:
        """The quantization; it is a programming error to ask a float tensor for it."""
        if self.quantization is None:
            raise TypeError(f"tensor {self.name!r} is not quantized")
        return self.quantization


@dataclass(frozen=True, eq=False)
class Node:
    """One operator of the graph.

    ``op`` is the TFLite operator name, ``name`` the layer's name (unique in its graph),
    ``options`` the operator's own frozen dataclass (see :mod:`tinygen.ops`). An optional input
    that is left out is None.
    """

    op: str
    name: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: Any = None

    def input(self, index: int) -> Tensor:
        """Input ``index``, which the operator's own check has shown to be present."""
        tensor = self.inputs[index]
        if tensor is None:
            raise TypeError(f"{self.op} {self.name!r} has no input {index}")
        return tensor

    def optional_input(self, index: int) -> Tensor | None:
        """Input ``index``, or None where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    @property
    def output(self) -> Tensor:
        """The first output."""
        return self.outputs[0]

    @property
    def activations(self) -> tuple[Tensor, ...]:
        """The inputs that are computed at run time, in order, each once."""
        seen: dict[Tensor, None] = {}
        for tensor in self.inputs:
            if tensor is not None and not tensor.is_constant:
                seen.setdefault(tensor)
        return tuple(seen)

    def replace(self, **changes: Any) -> Node:
        """A copy with some fields changed."""
        return replace(self, **changes)


@dataclass(frozen=True, eq=False)
class Graph:
    """A model: nodes in execution order, between inputs and outputs."""

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    nodes: tuple[Node, ...]

    def replace(self, **changes: Any) -> Graph:
        """A copy with some fields changed."""
        return replace(self, **changes)

    def producer(self, tensor: Tensor) -> Node | None:
        """The node that computes ``tensor``; None for graph inputs and constants."""
        return next((node for node in self.nodes if tensor in node.outputs), None)

    def consumers(self, tensor: Tensor) -> list[Node]:
        """The nodes that read ``tensor``, in execution order."""
        return [node for node in self.nodes if tensor in node.inputs]

    def tensors(self) -> Iterator[Tensor]:
        """Every tensor once, in order of first use."""
        seen: set[Tensor] = set()
        for group in (self.inputs, *((*n.inputs, *n.outputs) for n in self.nodes), self.outputs):
            for tensor in group:
                if tensor is not None and tensor not in seen:
                    seen.add(tensor)
                    yield tensor

    def substitute(self, old: Tensor, new: Tensor, nodes: Sequence[Node] | None = None) -> Graph:
        """A copy in which every reader of ``old``, graph outputs included, reads ``new``."""

        def swap(tensor: Tensor | None) -> Tensor | None:
            return new if tensor is old else tensor

        return self.replace(
            nodes=tuple(
                node.replace(inputs=tuple(map(swap, node.inputs))) if old in node.inputs else node
                for node in (self.nodes if nodes is None else nodes)
            ),
            outputs=tuple(new if tensor is old else tensor for tensor in self.outputs),
        )
