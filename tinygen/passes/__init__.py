"""Exact rewrites of the graph, in one ordered list.

A pass is a module of this folder with ``NAME`` and ``run(graph) -> Graph``; its docstring says why
the rewritten graph gives the same bytes for every input. No pass touches the name, the type, the
shape or the quantization of a graph input or output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from tinygen.ir import Graph

PASSES: tuple[ModuleType, ...] = ()


def apply(graph: Graph) -> Graph:
    """The graph after every pass, in the order of :data:`PASSES`."""
    for rewrite in PASSES:
        graph = rewrite.run(graph)
    return graph
