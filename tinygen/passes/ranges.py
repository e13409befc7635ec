"""Interval analysis: between which stored values every channel of a tensor stays, for all inputs.

A channel is a slice along the last axis. Every rule is monotone interval arithmetic on the
operator's definition, so a range may be wider than need be but never too narrow; a channel whose
bounds are equal has that value at every place, whatever the input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.numerics import INT32_MAX, INT32_MIN, activation_range, requantize
from tinygen.ops import conv_2d, depthwise_conv_2d, elementwise, fully_connected, operator
from tinygen.ops.weights import bias_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygen.ir import Array, Graph, Node, Shape, Tensor
    from tinygen.ops.windows import Window


@dataclass(frozen=True, eq=False)
class Range:
    """Lowest and highest stored value per channel, both (channels,) int64."""

    low: Array
    high: Array

    @property
    def constant(self) -> Array:
        """Which channels have one value only, (channels,) bool."""
        return np.asarray(self.low == self.high)


def ranges(graph: Graph) -> dict[Tensor, Range]:
    """Ranges of all int8 activations with at least one axis."""
    found: dict[Tensor, Range] = {}
    for tensor in graph.inputs:
        _note(found, tensor, _anything(tensor))
    for node in graph.nodes:
        rule = _RULES.get(node.op)
        known = all(t.is_constant or t in found for t in node.inputs[:1] if t is not None)
        result = rule(node, found) if rule is not None and known else None
        for tensor in node.outputs:
            _note(found, tensor, _anything(tensor) if result is None else result)
    return found


def _note(found: dict[Tensor, Range], tensor: Tensor, found_range: Range) -> None:
    if tensor.dtype == np.int8 and tensor.shape:
        found[tensor] = found_range


def _anything(tensor: Tensor) -> Range:
    channels = tensor.shape[-1] if tensor.shape else 1
    return Range(np.full(channels, -128, np.int64), np.full(channels, 127, np.int64))


def _products(x: Range, zero_point: int, weights: Array) -> Range:
    """Range of (x - zero_point) * w, per weight; channels of x along the last axis."""
    one, other = (x.low - zero_point) * weights, (x.high - zero_point) * weights
    return Range(np.minimum(one, other), np.maximum(one, other))


def _over_positions(products: Range, axes: tuple[int, ...], over: Window, shape: Shape) -> Range:
    """Range of the sum of products over the filter, for every position of the window.

    ``axes`` are summed, the first two being filter height and width. Taps outside the input add
    nothing, so each different set of taps inside it is summed for itself.
    """
    rows = _inside(shape[1], over.height, over.stride_h, over.dilation_h, over.pad_top)
    columns = _inside(shape[2], over.width, over.stride_w, over.dilation_w, over.pad_left)
    lows, highs = [], []
    for first, end in rows:
        for left, right in columns:
            taps = [slice(None)] * products.low.ndim
            taps[axes[0]], taps[axes[1]] = slice(first, end), slice(left, right)
            lows.append(products.low[tuple(taps)].sum(axis=axes))
            highs.append(products.high[tuple(taps)].sum(axis=axes))
    return Range(np.min(lows, axis=0), np.max(highs, axis=0))


def _inside(size: int, window: int, stride: int, dilation: int, pad: int) -> list[tuple[int, int]]:
    """The different ranges of taps that lie inside an axis, as the window moves along it."""
    found = set()
    for start in range(-pad, size, stride):
        first = -(-max(-start, 0) // dilation)
        end = min(window, -(-(size - start) // dilation))
        found.add((min(first, end), end))
    return sorted(found)


def _requantized(
    node: Node, low: Array, high: Array, multipliers: Array, shifts: Array
) -> Range | None:
    """Range of the output for a range of the accumulator; None where that might wrap."""
    # Requantization and clamping never fall as the accumulator rises, unless it leaves 32 bits.
    if low.min(initial=0) < INT32_MIN or high.max(initial=0) > INT32_MAX:
        return None
    if np.any(shifts > 0):
        return None
    bottom, top = activation_range(node.options.fused_activation_function, node.output.quant)
    zero_point = node.output.quant.zero_point
    return Range(
        np.clip(requantize(low, multipliers, shifts) + zero_point, bottom, top),
        np.clip(requantize(high, multipliers, shifts) + zero_point, bottom, top),
    )


def _conv_2d(node: Node, found: dict[Tensor, Range]) -> Range | None:
    x, w = node.input(0), node.input(1).constant.astype(np.int64)
    products = _products(found[x], x.quant.zero_point, w)
    sums = _over_positions(products, (1, 2, 3), conv_2d.window(node), x.shape)
    bias = bias_of(node, w.shape[0])
    return _requantized(
        node,
        sums.low + bias,
        sums.high + bias,
        *conv_2d.requantization(node, w.shape[0]),
    )


def _depthwise_conv_2d(node: Node, found: dict[Tensor, Range]) -> Range | None:
    x, w = node.input(0), node.input(1).constant[0].astype(np.int64)
    multiplier = node.options.depth_multiplier
    spread = Range(np.repeat(found[x].low, multiplier), np.repeat(found[x].high, multiplier))
    products = _products(spread, x.quant.zero_point, w)
    sums = _over_positions(products, (0, 1), depthwise_conv_2d.window(node), x.shape)
    bias = bias_of(node, w.shape[2])
    return _requantized(
        node,
        sums.low + bias,
        sums.high + bias,
        *depthwise_conv_2d.requantization(node),
    )


def _fully_connected(node: Node, found: dict[Tensor, Range]) -> Range | None:
    x, w = node.input(0), node.input(1).constant.astype(np.int64)
    if x.shape[-1] != w.shape[1]:
        return None
    products = _products(found[x], x.quant.zero_point, w)
    bias = bias_of(node, w.shape[0])
    return _requantized(
        node,
        products.low.sum(axis=1) + bias,
        products.high.sum(axis=1) + bias,
        *fully_connected.requantization(node),
    )


def _add(node: Node, found: dict[Tensor, Range]) -> Range | None:
    a, b = node.input(0), node.input(1)
    add = operator("ADD")
    if a.shape != b.shape or a not in found or b not in found:
        return None
    assert isinstance(add, elementwise.Sum)
    low, high = (
        add.compute(node, [x.astype(np.int8), y.astype(np.int8)])[0].astype(np.int64)
        for x, y in ((found[a].low, found[b].low), (found[a].high, found[b].high))
    )
    return Range(low, high)


def _pool(node: Node, found: dict[Tensor, Range]) -> Range:
    # A mean or a maximum of values lies between their bounds, and clamping keeps the order.
    x = found[node.input(0)]
    bottom, top = activation_range(node.options.fused_activation_function, node.output.quant)
    return Range(np.clip(x.low, bottom, top), np.clip(x.high, bottom, top))


def _reshape(node: Node, found: dict[Tensor, Range]) -> Range | None:
    x, y = found[node.input(0)], node.output
    channels = node.input(0).shape[-1]
    if not y.shape or y.shape[-1] % channels:
        return None
    times = y.shape[-1] // channels
    return Range(np.tile(x.low, times), np.tile(x.high, times))


_RULES: dict[str, Callable[[Node, dict[Tensor, Range]], Range | None]] = {
    "CONV_2D": _conv_2d,
    "DEPTHWISE_CONV_2D": _depthwise_conv_2d,
    "FULLY_CONNECTED": _fully_connected,
    "ADD": _add,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "RESHAPE": _reshape,
}
