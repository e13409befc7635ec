"""Remove channels that nobody needs: of one value whatever the input, or never looked at.

Exact. :mod:`.ranges` proves that a channel c of a tensor has the stored value v at every place.

- A CONV_2D or FULLY_CONNECTED that reads it does not need it: the channel adds (v - zero_point) *
  sum(w[c]) to every accumulator, which joins the bias. Where the filter reaches into padding the
  sum is another at the border, so the channel must then be the zero point, whose contribution is 0
  everywhere. Nor does it need a channel, constant or not, whose weights are all zero.
- A DEPTHWISE_CONV_2D, a pooling and an ADD of equal shapes compute an output channel from the
  same channel of their inputs alone, so it goes if its output goes, and the other way round.
- A RESHAPE that keeps channels last carries the removal on.
- Any other reader, and a graph output, need all channels.

What goes is the largest set that these rules leave standing. It changes no other value: every
kept channel is computed from kept channels and biases as before.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Graph, Node, Tensor
from tinygen.numerics import INT32_MAX, INT32_MIN
from tinygen.ops import conv_2d, operator
from tinygen.ops.weights import bias_of
from tinygen.passes.ranges import Range, ranges

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinygen.ir import Array, Quantization, Shape

NAME = "remove unneeded channels"

_WEIGHTED = ("CONV_2D", "FULLY_CONNECTED")
_CHANNELWISE = ("DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D", "ADD")


def run(graph: Graph) -> Graph:
    """The graph without its removable channels."""
    known = ranges(graph)
    removed = _removable(graph, known)
    if not any(mask.any() for mask in removed.values()):
        return graph
    return _rebuild(graph, known, removed)


def _removable(graph: Graph, known: dict[Tensor, Range]) -> dict[Tensor, Array]:
    """Which channels of each tensor go, (channels,) bool: the largest consistent choice."""
    produced = {t for node in graph.nodes for t in node.outputs}
    removed = {
        tensor: np.full(len(bounds.low), tensor in produced and tensor not in graph.outputs)
        for tensor, bounds in known.items()
    }
    _settle(graph, known, removed)
    # Nothing may vanish whole: give such tensors one channel back, and settle what follows from it.
    while empty := [mask for mask in removed.values() if mask.size and mask.all()]:
        for mask in empty:
            mask[0] = False
        _settle(graph, known, removed)
    return removed


def _settle(graph: Graph, known: dict[Tensor, Range], removed: dict[Tensor, Array]) -> None:
    """Give back channels until every node agrees with what goes."""
    changed = True
    while changed:
        changed = False
        for node in graph.nodes:
            for tensor, allowed in _allowed(node, known, removed):
                kept = removed[tensor] & allowed
                if not np.array_equal(kept, removed[tensor]):
                    removed[tensor] = kept
                    changed = True


def _allowed(
    node: Node, known: dict[Tensor, Range], removed: dict[Tensor, Array]
) -> Iterator[tuple[Tensor, Array]]:
    """For each tensor of a node: the channels that the node lets go."""
    tensors = [t for t in (*node.activations, *node.outputs) if t in removed]
    x, y = node.inputs[0], node.output
    if node.op in _WEIGHTED and x in removed and y in removed:
        assert x is not None
        yield x, _foldable(node, known[x])
    elif _is_channelwise(node, removed):
        together = np.logical_and.reduce([removed[t] for t in tensors])
        for tensor in tensors:
            yield tensor, together
    elif node.op == "RESHAPE" and _keeps_channels(node, removed):
        assert x is not None
        channels = x.shape[-1]
        together = removed[y].reshape(-1, channels).all(axis=0) & removed[x]
        yield x, together
        yield y, np.tile(together, y.shape[-1] // channels)
    else:
        for tensor in tensors:
            yield tensor, np.zeros_like(removed[tensor])


def _foldable(node: Node, bounds: Range) -> Array:
    """Input channels that a weighted node can do without."""
    x, w = node.input(0), node.input(1).constant
    depth = w.shape[-1]
    if x.shape[-1] != depth:
        return np.zeros(x.shape[-1], bool)
    ignored = ~w.reshape(-1, depth).any(axis=0)
    if node.op == "CONV_2D" and conv_2d.window(node).reaches_outside(x.shape):
        harmless = bounds.constant & (bounds.low == x.quant.zero_point)
        return np.asarray(ignored | harmless)
    bias = _folded_bias(node, bounds, np.ones(depth, bool))
    fits = bool(np.all((bias >= INT32_MIN) & (bias <= INT32_MAX)))
    return np.asarray(ignored | (bounds.constant & fits))


def _is_channelwise(node: Node, removed: dict[Tensor, Array]) -> bool:
    if node.op not in _CHANNELWISE or node.output not in removed:
        return False
    inputs = node.inputs if node.op == "ADD" else node.inputs[:1]
    if any(t is None or t not in removed or t.shape[-1] != node.output.shape[-1] for t in inputs):
        return False
    return node.op != "ADD" or node.input(0).shape == node.input(1).shape


def _keeps_channels(node: Node, removed: dict[Tensor, Array]) -> bool:
    x, y = node.input(0), node.output
    return x in removed and y in removed and y.shape[-1] % x.shape[-1] == 0


def _folded_bias(node: Node, bounds: Range, mask: Array) -> Array:
    """The bias with the contribution of the masked input channels taken in, as int64."""
    w = node.input(1).constant.astype(np.int64)
    sums = w.reshape(w.shape[0], -1, w.shape[-1]).sum(axis=1)
    value = np.where(mask & bounds.constant, bounds.low - node.input(0).quant.zero_point, 0)
    return np.asarray(bias_of(node, w.shape[0]) + sums @ value)


def _rebuild(graph: Graph, known: dict[Tensor, Range], removed: dict[Tensor, Array]) -> Graph:
    slim = {
        tensor: _without(tensor, mask) if mask.any() else tensor for tensor, mask in removed.items()
    }
    nodes = []
    for node in graph.nodes:
        touched = [t for t in (*node.activations, *node.outputs) if slim.get(t, t) is not t]
        nodes.append(_slimmed(node, known, removed, slim) if touched else node)
    return graph.replace(nodes=tuple(nodes))


def _slimmed(
    node: Node,
    known: dict[Tensor, Range],
    removed: dict[Tensor, Array],
    slim: dict[Tensor, Tensor],
) -> Node:
    x, y = node.input(0), node.output
    inputs: tuple[Tensor | None, ...]
    if node.op in _WEIGHTED:
        mask = removed[x] if x in removed else np.zeros(x.shape[-1], bool)
        bias = _folded_bias(node, known[x], mask) if mask.any() else bias_of(node, y.shape[-1])
        keep_in, keep_out = ~mask, ~removed[y]
        w = node.input(1)
        data = w.constant[keep_out][..., keep_in]
        inputs = (
            slim.get(x, x),
            _constant(w, data, _sliced(w.quantization, keep_out)),
            _bias(node, bias[keep_out], keep_out),
        )
    elif node.op == "DEPTHWISE_CONV_2D":
        keep = ~removed[y]
        w = node.input(1)
        inputs = (
            slim[x],
            _constant(w, w.constant[..., keep], _sliced(w.quantization, keep)),
            _bias(node, bias_of(node, y.shape[-1])[keep], keep),
        )
    elif node.op == "RESHAPE":
        shape = slim[y].shape
        options = dataclasses.replace(node.options, new_shape=shape)
        return _checked(node.replace(inputs=(slim[x],), outputs=(slim[y],), options=options))
    else:
        inputs = tuple(t if t is None else slim.get(t, t) for t in node.inputs)
    return _checked(node.replace(inputs=inputs, outputs=(slim.get(y, y),)))


def _checked(node: Node) -> Node:
    operator(node.op).check(node)
    return node


def _without(tensor: Tensor, mask: Array) -> Tensor:
    """The tensor without the masked channels; it no longer is a tensor of the model file."""
    shape: Shape = (*tensor.shape[:-1], int((~mask).sum()))
    return dataclasses.replace(tensor, shape=shape, source=None)


def _constant(tensor: Tensor, data: Array, quantization: Quantization | None) -> Tensor:
    data = np.ascontiguousarray(data)
    return dataclasses.replace(
        tensor, shape=data.shape, data=data, quantization=quantization, source=None
    )


def _bias(node: Node, data: Array, keep: Array) -> Tensor:
    given = node.optional_input(2)
    if given is not None:
        return _constant(given, data.astype(np.int32), _sliced(given.quantization, keep))
    return Tensor(f"{node.name}_bias", data.shape, np.dtype(np.int32), None, data.astype(np.int32))


def _sliced(quantization: Quantization | None, keep: Array) -> Quantization | None:
    """Scales of the kept channels, where there is one per channel."""
    if quantization is None or len(quantization.scales) != len(keep) or len(keep) == 1:
        return quantization
    chosen = np.flatnonzero(keep)
    zero_points = quantization.zero_points
    return dataclasses.replace(
        quantization,
        scales=tuple(quantization.scales[i] for i in chosen),
        zero_points=tuple(zero_points[i] for i in chosen)
        if len(zero_points) == len(keep)
        else zero_points,
    )
