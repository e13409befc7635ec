"""Exact rewrites of the graph, in one ordered list.

A pass is a module of this folder with ``NAME`` and ``run(graph) -> Graph``; its docstring says why
the rewritten graph gives the same bytes for every input. No pass touches a graph input or output,
and every node that a pass changes has passed its operator's check again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.passes import (
    fold_constants,
    fuse_activations,
    fuse_pad,
    merge_pointwise,
    remove_dead_nodes,
    remove_identities,
    remove_unneeded_channels,
)

if TYPE_CHECKING:
    from types import ModuleType

    from tinygen.ir import Graph

PASSES: tuple[ModuleType, ...] = (
    fold_constants,  # first, so that the others see constants as constants
    remove_identities,  # before fusion, which looks at direct neighbours
    fuse_pad,  # leaves the PAD behind where nobody else reads it
    fuse_activations,  # before ranges are computed, which the clamps narrow
    merge_pointwise,  # of what no layer in front could take
    remove_unneeded_channels,  # after padding is fused, which decides what folds into a bias
    remove_dead_nodes,  # last, to clear away what the others left behind
)


def apply(graph: Graph) -> Graph:
    """The graph after every pass, in the order of :data:`PASSES`."""
    for rewrite in PASSES:
        graph = rewrite.run(graph)
    return graph
