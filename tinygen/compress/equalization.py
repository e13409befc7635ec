"""Weights of neighbouring layers brought to like sizes, without a change of what they compute.

Cross-layer equalization (Nagel et al., "Data-free quantization through weight equalization and bias
correction", ICCV 2019, section 4.1): what goes into channel c of a layer may be divided by any
s > 0 where the next layer multiplies by it, as long as all between the two is linear for positive
factors. The ranges of the two, r1 and r2, are equal for s = sqrt(r1 / r2).

s is rounded to a power of two. Then not a bit of any float result changes (short of underflow),
and ranges end within a factor of two of each other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tinygen.compress.fold import CHANNEL_AXIS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinygen.ir import Array, Graph, Node, Tensor

_SWEEPS = 20
_CHANNELWISE = {
    "AVERAGE_POOL_2D",
    "LEAKY_RELU",
    "MAX_POOL_2D",
    "MEAN",
    "PAD",
    "RELU",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
}
"""Operators with f(s * x) = s * f(x) for s > 0, channel by channel."""


def equalized(graph: Graph) -> Graph:
    """A simplified float graph with the weights of all pairs of layers equalized."""
    data = {
        tensor: tensor.constant
        for node in graph.nodes
        if node.op in CHANNEL_AXIS
        for tensor in node.inputs[1:]
        if tensor is not None
    }
    pairs = list(_pairs(graph))
    for _ in range(_SWEEPS):
        changes = [_equalize(first, second, data) for first, second in pairs]
        if not any(changes):
            break
    changed = {tensor: replace(tensor, data=array) for tensor, array in data.items()}
    return graph.replace(
        nodes=tuple(
            node.replace(inputs=tuple(changed.get(t, t) if t else t for t in node.inputs))
            for node in graph.nodes
        )
    )


def _pairs(graph: Graph) -> Iterator[tuple[Node, Node]]:
    """Layers of which the second alone sees what the first computes."""
    for first in graph.nodes:
        if first.op not in CHANNEL_AXIS or not _owns_its_weights(graph, first):
            continue
        node = first
        while (reader := _only_reader(graph, node)) is not None:
            if reader.op in CHANNEL_AXIS:
                if _owns_its_weights(graph, reader) and reader.input(0) is node.output:
                    yield first, reader
                break
            if reader.op not in _CHANNELWISE:
                break
            node = reader


def _only_reader(graph: Graph, node: Node) -> Node | None:
    fused = getattr(node.options, "fused_activation_function", "NONE")
    readers = graph.consumers(node.output)
    if fused not in ("NONE", "RELU") or len(readers) != 1 or node.output in graph.outputs:
        return None
    if node.op == "MEAN" and node.output.shape[-1] != node.input(0).shape[-1]:
        return None
    return readers[0]


def _owns_its_weights(graph: Graph, node: Node) -> bool:
    own = [tensor for tensor in node.inputs[1:] if tensor is not None]
    return all(graph.consumers(tensor) == [node] for tensor in own)


def _equalize(first: Node, second: Node, data: dict[Tensor, Array]) -> bool:
    """Equalize one pair in place; whether anything changed."""
    weights, bias, readers = first.input(1), first.optional_input(2), second.input(1)
    along = [1] * len(weights.shape)
    along[CHANNEL_AXIS[first.op]] = -1
    before = np.abs(data[weights]).max(
        axis=tuple(axis for axis, size in enumerate(along) if size == 1)
    )
    # (others, input channels, outputs of each); a depthwise layer has its channels last too.
    spread = data[readers].reshape(-1, len(before), readers.shape[-1] // len(before))
    after = np.abs(spread).max(axis=(0, 2))
    live = (before > 0) & (after > 0)
    ratio = np.divide(before, after, out=np.ones_like(before), where=live)
    factors = np.exp2(np.rint(np.log2(ratio) / 2)).astype(np.float32)
    data[weights] = data[weights] / factors.reshape(along)
    if bias is not None:
        data[bias] = data[bias] / factors
    data[readers] = (spread * factors[:, np.newaxis]).reshape(readers.shape)
    return bool((factors != 1).any())
