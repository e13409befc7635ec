"""Element-wise nodes as functions of one int8 value: all 256 answers of each.

A node that computes every output element from the same element of one int8 activation, and from
nothing else but constants of one element, is a function of a byte. Its answers come from the
operator's own definition, so a table of them says all there is to say about the node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.ops import operator
from tinygen.ops.base import INT8
from tinygen.ops.lookup import BYTES

if TYPE_CHECKING:
    from tinygen.ir import Array, Graph, Node, Tensor

POINTWISE = (
    "ADD",
    "HARD_SWISH",
    "LEAKY_RELU",
    "LOGISTIC",
    "MAXIMUM",
    "MINIMUM",
    "MUL",
    "QUANTIZE",
    "RELU",
    "RELU6",
    "SUB",
    "TABLE",
    "TANH",
)


def answers(node: Node) -> Array | None:
    """The int8 output for every input byte, (256,); None where it takes more than a byte to know.

    Entry ``(uint8_t)x`` answers the int8 value x, as in :func:`tinygen.ops.lookup.table`.
    """
    if node.op not in POINTWISE or len(node.activations) != 1:
        return None
    (x,) = node.activations
    if x.dtype != INT8 or node.output.dtype != INT8 or x.shape != node.output.shape:
        return None
    if node.op != "TABLE" and any(t.size != 1 for t in node.inputs if t is not None and t is not x):
        return None
    values = [
        None if t is None else BYTES if t is x else t.constant.reshape(-1) for t in node.inputs
    ]
    return operator(node.op).compute(node, values)[0]


def producers_in_private(graph: Graph) -> dict[Tensor, Node]:
    """The node behind every tensor that one other node alone reads, and that is no graph output."""
    readers: dict[Tensor, int] = {}
    for node in graph.nodes:
        for tensor in node.activations:
            readers[tensor] = readers.get(tensor, 0) + 1
    return {
        tensor: node
        for node in graph.nodes
        for tensor in node.outputs
        if readers.get(tensor) == 1 and tensor not in graph.outputs
    }
