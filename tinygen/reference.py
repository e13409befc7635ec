"""The numpy reference: every value of a graph, from the definitions in :mod:`tinygen.ops`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.errors import DataError
from tinygen.ops import operator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Array, Graph, Node, Tensor


def run(graph: Graph, inputs: Sequence[Array]) -> dict[Tensor, Array]:
    """Values of all activations, graph inputs included.

    ``inputs`` has one array per graph input, in order. Raises DataError where their number, a
    shape or a type does not fit.
    """
    if len(inputs) != len(graph.inputs):
        raise DataError(
            f"model {graph.name!r} takes {len(graph.inputs)} inputs and {len(inputs)} were given; "
            "give one array per input"
        )
    values: dict[Tensor, Array] = {}
    for tensor, value in zip(graph.inputs, inputs, strict=True):
        if value.shape != tensor.shape or value.dtype != tensor.dtype:
            raise DataError(
                f"input {tensor.name!r} takes {tensor.dtype}{list(tensor.shape)} and was given "
                f"{value.dtype}{list(value.shape)}; convert the data first"
            )
        values[tensor] = value
    for node in graph.nodes:
        values.update(zip(node.outputs, compute(node, values), strict=True))
    return values


def run_all(graph: Graph, inputs: Sequence[Sequence[Array]]) -> list[dict[Tensor, Array]]:
    """:func:`run` for each set of inputs."""
    return [run(graph, given) for given in inputs]


def compute(node: Node, values: dict[Tensor, Array]) -> tuple[Array, ...]:
    """Outputs of one node, its activations taken from ``values``."""
    return operator(node.op).compute(
        node,
        [
            None if tensor is None else tensor.data if tensor.is_constant else values[tensor]
            for tensor in node.inputs
        ],
    )
