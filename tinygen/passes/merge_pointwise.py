"""Merge element-wise nodes that follow each other into one table of 256 answers.

Exact: :mod:`.pointwise` writes both nodes as functions of a byte, T and U, and the merged node is
the table U[T[v]] for all 256 bytes v, which is what the two compute one after the other. Nobody
else reads what lies between them. One node that is no table by itself stays as it is, since a
kernel of its own may be faster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Node, Tensor
from tinygen.ops import operator
from tinygen.ops.base import INT8, NoOptions
from tinygen.passes.pointwise import answers, producers_in_private

if TYPE_CHECKING:
    from tinygen.ir import Array, Graph

NAME = "merge_pointwise"


def run(graph: Graph) -> Graph:
    """The graph with one TABLE for each chain of element-wise nodes."""
    in_front = producers_in_private(graph)
    merged: dict[Node, Node] = {}  # by the last node of the chain
    gone: set[Node] = set()
    for node in graph.nodes:
        if len(node.activations) != 1 or (first := in_front.get(node.activations[0])) is None:
            continue
        chain = merged.get(first, first)
        inner, outer = answers(chain), answers(node)
        if inner is not None and outer is not None:
            merged[node] = _table(chain.activations[0], outer[inner.view(np.uint8)], node)
            gone.add(first)
    return graph.replace(nodes=tuple(merged.get(n, n) for n in graph.nodes if n not in gone))


def _table(x: Tensor, data: Array, last: Node) -> Node:
    """A TABLE of these answers from ``x`` to the output of the chain's last node."""
    table = Tensor(f"{last.name}_table", data.shape, INT8, data=data)
    node = Node("TABLE", last.name, (x, table), last.outputs, NoOptions())
    operator(node.op).check(node)
    return node
