"""Let a layer clamp its output itself, where a node behind it does no more than that.

Exact. A layer of ``_CLAMPING`` ends in clip(r, low, high) of some integer r. The node behind it
maps a stored byte v to T[v], and reads nothing but what the layer clamped. It goes where one of the
activations that a layer can have, with the bounds (l, h), satisfies for all 256 bytes v

    clip(v, l, h) == T[clip(v, low, high)]

This covers every r: all four bounds are int8 values, so clamping r to int8 first changes nothing.
The layer requantizes to the scale and the zero point of its output, so they must be those of the
node's output too. RELU and RELU6 that stand alone are found this way, and equally a MAXIMUM with
zero or a LEAKY_RELU of slope 0, without a rule for any of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tinygen.numerics import activation_range
from tinygen.ops import operator
from tinygen.ops.base import ACTIVATIONS
from tinygen.ops.lookup import BYTES
from tinygen.passes.pointwise import answers, producers_in_private

if TYPE_CHECKING:
    from tinygen.ir import Graph, Node

NAME = "fuse_activations"

_CLAMPING = (
    "ADD",
    "AVERAGE_POOL_2D",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "MAX_POOL_2D",
    "MUL",
    "SUB",
)


def run(graph: Graph) -> Graph:
    """The graph with activations inside the layers in front of them."""
    in_front = producers_in_private(graph)
    fused: dict[Node, Node] = {}  # by the layer as it was
    into: dict[Node, Node] = {}  # the layer, as it was, that a node went into
    for node in graph.nodes:
        layer = in_front.get(node.activations[0]) if len(node.activations) == 1 else None
        if layer is None:
            continue
        layer = into.get(layer, layer)
        together = _together(fused.get(layer, layer), node)
        if together is not None:
            fused[layer], into[node] = together, layer
    return graph.replace(nodes=tuple(fused.get(n, n) for n in graph.nodes if n not in into))


def _together(layer: Node, node: Node) -> Node | None:
    """The layer with the node's clamp as its activation; None where it is something else."""
    x, y = layer.output, node.output
    if layer.op not in _CLAMPING or x.quantization != y.quantization:
        return None
    table = answers(node)
    if table is None:
        return None
    bounds = activation_range(layer.options.fused_activation_function, x.quant)
    wanted = table[np.clip(BYTES, *bounds).view(np.uint8)]
    for activation in ACTIVATIONS:
        if np.array_equal(np.clip(BYTES, *activation_range(activation, y.quant)), wanted):
            options = replace(layer.options, fused_activation_function=activation)
            together = layer.replace(outputs=(y,), options=options)
            operator(together.op).check(together)
            return together
    return None
