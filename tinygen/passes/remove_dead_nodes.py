"""Remove nodes whose outputs nobody reads.

Exact: what remains computes every graph output from the same values as before. Models carry such
nodes seldom; other passes leave them behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinygen.ir import Graph, Node, Tensor

NAME = "remove_dead_nodes"


def run(graph: Graph) -> Graph:
    """The graph without nodes on which no graph output depends."""
    needed: set[Tensor | None] = set(graph.outputs)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if not needed.isdisjoint(node.outputs):
            kept.append(node)
            needed.update(node.inputs)
    return graph.replace(nodes=tuple(reversed(kept)))
