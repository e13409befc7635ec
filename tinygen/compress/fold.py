"""Exact simplifications of a float graph, before anything is calibrated.

Only what is equal in real arithmetic happens here, and in the order of operations in which
TFLiteConverter does it, so that folded weights have its bits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tinygen.compress.lowering.emitter import AFFINE
from tinygen.ir import Graph, Node, Tensor
from tinygen.ops import operator
from tinygen.ops.base import FLOAT32, INT32

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tinygen.ir import Array

CHANNEL_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
"""Operators with weights, and the axis of the weights that runs over the output channels."""

_FUSES = (*CHANNEL_AXIS, "ADD", "SUB", "MUL")
_ACTIVATIONS = ("RELU", "RELU6")


def scale_axis(node: Node, per_channel_dense: bool) -> int | None:
    """The axis of a node's weights that has one scale per slice; None for one scale in all."""
    whole = node.op == "FULLY_CONNECTED" and not per_channel_dense
    return None if whole else CHANNEL_AXIS[node.op]


def simplify(graph: Graph) -> Graph:
    """The graph without AFFINE, with activations fused into the operators before them."""
    graph = _sweep(graph)
    graph = _rewrite(graph, _affine_into_previous)
    graph = _rewrite(graph, _affine_into_next)
    graph = _rewrite(graph, _affine_alone)
    return _rewrite(graph, _activation_into_previous)


def _rewrite(graph: Graph, step: Callable[[Graph, Node], Graph | None]) -> Graph:
    """Apply a step, which returns None where it does not apply, until it applies nowhere."""
    while True:
        changed = next(filter(None, (step(graph, node) for node in graph.nodes)), None)
        if changed is None:
            return graph
        graph = changed


def _sweep(graph: Graph) -> Graph:
    """Without nodes whose output nobody reads."""
    kept: list[Node] = []
    read = set(graph.outputs)
    for node in reversed(graph.nodes):
        if node.output in read:
            kept.append(node)
            read.update(tensor for tensor in node.inputs if tensor is not None)
    return graph.replace(nodes=tuple(reversed(kept)))


def _affine_into_previous(graph: Graph, node: Node) -> Graph | None:
    """(x * w + b) * s + o  =  x * (w * s) + (b * s + o)."""
    if node.op != AFFINE:
        return None
    source = graph.producer(node.input(0))
    if source is None or not _absorbs(graph, source):
        return None
    scale, offset = node.input(1).constant, node.input(2).constant
    weights, bias = source.input(1), source.optional_input(2)
    folded = (
        source.input(0),
        replace(weights, data=weights.constant * _along(scale, source)),
        _vector(f"{source.name}/bias", offset if bias is None else bias.constant * scale + offset),
    )
    return _replace(
        graph, {source: source.replace(inputs=folded, outputs=node.outputs), node: None}
    )


def _affine_into_next(graph: Graph, node: Node) -> Graph | None:
    """(x * s + o) * w + b  =  x * (w * s) + (b + sum of o * w), where no padding is in the window.

    Padding is zero after the scaling, which no one value before the scaling stands for unless the
    offset is zero.
    """
    if node.op != AFFINE or node.output in graph.outputs:
        return None
    readers = graph.consumers(node.output)
    scale, offset = node.input(1).constant, node.input(2).constant
    if not all(
        reader.op in CHANNEL_AXIS
        and reader.input(0) is node.output
        and (not offset.any() or not _pads(reader))
        for reader in readers
    ):
        return None
    changes: dict[Node, Node | None] = {node: None}
    for reader in readers:
        weights, bias = reader.input(1), reader.optional_input(2)
        if reader.op == "DEPTHWISE_CONV_2D":
            multiplier = weights.shape[3] // len(scale)
            factor, shift = np.repeat(scale, multiplier), np.repeat(offset, multiplier)
            moved = (weights.constant * shift).sum(axis=(0, 1, 2))
        else:
            factor = scale
            moved = (weights.constant * offset).reshape(weights.shape[0], -1).sum(axis=1)
        if bias is not None:
            moved = bias.constant + moved
        changes[reader] = reader.replace(
            inputs=(
                node.input(0),
                replace(weights, data=weights.constant * factor),
                _vector(f"{reader.name}/bias", moved),
            )
        )
    return _replace(graph, changes)


def _affine_alone(graph: Graph, node: Node) -> Graph | None:
    """A scaling with no neighbour to go into is a depthwise 1x1 convolution.

    It keeps a scale per channel, where MUL and ADD would quantize each vector as a whole.
    """
    if node.op != AFFINE:
        return None
    x, scale, offset = node.input(0), node.input(1), node.input(2)
    channels = x.shape[-1]
    kernel = Tensor(
        f"{node.name}/kernel",
        (1, 1, 1, channels),
        FLOAT32,
        None,
        scale.constant.reshape(1, 1, 1, -1),
    )
    definition = operator("DEPTHWISE_CONV_2D")
    options = definition.options_type(depth_multiplier=1)
    if len(x.shape) == 4:
        scaled = Node(definition.name, node.name, (x, kernel, offset), node.outputs, options)
        return _replace(graph, {node: scaled})
    image = Tensor(f"{node.name}_image", (1, 1, x.size // channels, channels), FLOAT32)
    product = replace(image, name=f"{node.name}_scaled")
    return _replace(
        graph,
        {
            node: (
                _reshape(image, x),
                Node(definition.name, node.name, (image, kernel, offset), (product,), options),
                _reshape(node.output, product),
            )
        },
    )


def _activation_into_previous(graph: Graph, node: Node) -> Graph | None:
    """Fuse RELU and RELU6 into the operator before, where nobody else reads its output."""
    if node.op not in _ACTIVATIONS:
        return None
    source = graph.producer(node.input(0))
    if source is None or source.op not in _FUSES or not _is_private(graph, source):
        return None
    if source.options.fused_activation_function != "NONE":
        return None
    options = replace(source.options, fused_activation_function=node.op)
    return _replace(
        graph, {source: source.replace(options=options, outputs=node.outputs), node: None}
    )


def _absorbs(graph: Graph, source: Node) -> bool:
    return source.op in CHANNEL_AXIS and _is_private(graph, source)


def _is_private(graph: Graph, source: Node) -> bool:
    """Whether one reader alone sees the output."""
    return source.output not in graph.outputs and len(graph.consumers(source.output)) == 1


def _pads(reader: Node) -> bool:
    """Whether the window of a reader may hang over the edge of its input."""
    if reader.op == "FULLY_CONNECTED":
        return False
    return reader.options.padding == "SAME" and reader.input(1).shape[1:3] != (1, 1)


def _along(vector: Array, node: Node) -> Array:
    """A vector over the output channels, shaped to be multiplied with the node's weights."""
    weights = node.input(1)
    shape = [1] * len(weights.shape)
    shape[CHANNEL_AXIS[node.op]] = -1
    return vector.reshape(shape)


def _vector(name: str, data: Array) -> Tensor:
    return Tensor(name, data.shape, FLOAT32, None, data.astype(np.float32))


def _reshape(output: Tensor, x: Tensor) -> Node:
    shape = Tensor(
        f"{output.name}/shape", (len(output.shape),), INT32, None, np.array(output.shape, np.int32)
    )
    name = f"{output.name}_reshape"
    return Node("RESHAPE", name, (x, shape), (output,), operator("RESHAPE").options_type())


def _replace(graph: Graph, changes: Mapping[Node, Node | tuple[Node, ...] | None]) -> Graph:
    """The graph with some nodes replaced by others, or by none."""
    nodes: list[Node] = []
    for node in graph.nodes:
        change = changes.get(node, node)
        nodes += () if change is None else change if isinstance(change, tuple) else (change,)
    return graph.replace(nodes=tuple(nodes))
