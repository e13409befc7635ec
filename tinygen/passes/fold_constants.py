"""Compute what depends on constants alone, once, when code is generated.

Exact: the value is computed by the operator's own definition, which is what every kernel is
compared with. A node that computes a graph output stays, for an output is a place in the arena.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tinygen.ops import operator
from tinygen.reference import compute

if TYPE_CHECKING:
    from tinygen.ir import Graph, Node, Tensor

NAME = "fold_constants"


def run(graph: Graph) -> Graph:
    """The graph without the nodes whose inputs are all constant."""
    folded: dict[Tensor, Tensor] = {}
    nodes: list[Node] = []
    for original in graph.nodes:
        node = original
        if any(tensor in folded for tensor in node.inputs if tensor is not None):
            node = node.replace(
                inputs=tuple(t if t is None else folded.get(t, t) for t in node.inputs)
            )
            operator(node.op).check(node)
        if node.activations or any(tensor in graph.outputs for tensor in node.outputs):
            nodes.append(node)
            continue
        values = zip(node.outputs, compute(node, {}), strict=True)
        folded.update((tensor, replace(tensor, data=value.copy())) for tensor, value in values)
    return graph.replace(nodes=tuple(nodes))
