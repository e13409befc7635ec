"""Remove nodes that hand on their input byte for byte.

Exact: a reader gets the same bytes, and with them the same type, shape and quantization, for a
node is only removed where its input and output agree in all three. Why the bytes are the same:

- RESHAPE, SQUEEZE and EXPAND_DIMS never change them;
- PAD changes them only by what it adds, so not where the shape stays as it is;
- SLICE takes a box inside its input, so one of the same shape is all of it;
- CONCATENATION of one input adds nothing;
- QUANTIZE with equal scales has the factor 1, which is the multiplier 2**30 with a left shift of
  1: the doubling high multiplication of 2d by 2**30 is d exactly, for every difference d to the
  zero point, and an equal zero point brings back the stored value.

A node between a graph input and a graph output stays: the two are places of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.ops import operator

if TYPE_CHECKING:
    from tinygen.ir import Graph, Node, Tensor

NAME = "remove_identities"

_OPERATORS = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "PAD", "SLICE", "QUANTIZE", "CONCATENATION")


def _is_identity(node: Node) -> bool:
    x, y = node.input(0), node.output
    if node.op == "CONCATENATION" and len(node.inputs) > 1:
        return False
    return node.op in _OPERATORS and (x.dtype, x.shape, x.quantization) == (
        y.dtype,
        y.shape,
        y.quantization,
    )


def run(graph: Graph) -> Graph:
    """The graph without nodes that change nothing."""
    for node in graph.nodes:
        if not _is_identity(node):
            continue
        # An earlier removal may have changed what this node reads.
        current = next(n for n in graph.nodes if n.output is node.output)
        x, y = current.input(0), current.output
        if y not in graph.outputs:
            graph = _without(graph, current, y, x)
        elif not (x.is_constant or x in graph.inputs or x in graph.outputs):
            graph = _without(graph, current, x, y)
    return graph


def _without(graph: Graph, node: Node, old: Tensor, new: Tensor) -> Graph:
    """The graph without ``node``, every other node using ``new`` where it used ``old``."""
    nodes = []
    for other in graph.nodes:
        if other is node:
            continue
        if old in other.inputs or old in other.outputs:
            other = other.replace(
                inputs=tuple(new if t is old else t for t in other.inputs),
                outputs=tuple(new if t is old else t for t in other.outputs),
            )
            operator(other.op).check(other)
        nodes.append(other)
    return graph.replace(nodes=tuple(nodes))
