"""Biases that make up for what rounding the weights adds on average.

Rounded weights move the mean of a channel's output, and the same way for every sample. Following
Nagel et al. (ICCV 2019, section 4.2; the empirical form, appendix D) the shift is measured on
samples, layer after layer, each with the layers before it corrected already.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen.compress.evaluate import compute
from tinygen.compress.fold import CHANNEL_AXIS, scale_axis
from tinygen.compress.ranges import assign
from tinygen.compress.scales import symmetric
from tinygen.ir import Tensor
from tinygen.ops.base import FLOAT32

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tinygen.compress.scales import Range
    from tinygen.ir import Array, Graph, Node

SAMPLES = 256
"""Of how many samples a mean is taken at most: it settles much sooner than a range."""


def corrected(
    graph: Graph,
    inputs: Sequence[Array],
    ranges: Mapping[str, Range],
    per_channel_dense: bool = False,
    weight_bits: int = 8,
    largest: Mapping[str, Array] | None = None,
) -> Graph:
    """The float graph with biases corrected for the weights of :func:`.export.to_int8`.

    ``inputs`` are samples as :func:`.calibrate.samples` gives them; the other arguments are those
    of ``to_int8``. Layers without a bias get one.
    """
    quantizations = assign(graph, ranges)
    exact: dict[Tensor, Any] = {
        tensor: array[:SAMPLES] for tensor, array in zip(graph.inputs, inputs, strict=True)
    }
    rounded = dict(exact)
    nodes = []
    for index, node in enumerate(graph.nodes):
        if node.op in CHANNEL_AXIS:
            stored, quantization = symmetric(
                node.input(1).constant,
                scale_axis(node, per_channel_dense),
                None if (bias := node.optional_input(2)) is None else bias.constant,
                quantizations[node.input(0)].scale,
                weight_bits,
                (largest or {}).get(node.name),
            )
            weights = stored * _along(np.array(quantization.scales, np.float32), node)
            shift = _mean(node, rounded, weights) - _mean(node, exact, node.input(1).constant)
            exact[node.output] = _output(node, exact, node.input(1).constant)
            node = _with_bias(node, -shift)
            rounded[node.output] = _output(node, rounded, weights)
        else:
            for values in (exact, rounded):
                values[node.output] = _output(node, values)
        nodes.append(node)
        needed = {*graph.inputs} | {
            t for later in graph.nodes[index + 1 :] for t in later.inputs if t
        }
        for values in (exact, rounded):
            for tensor in values.keys() - needed - {node.output}:
                del values[tensor]
    return graph.replace(nodes=tuple(nodes))


def _output(node: Node, values: Mapping[Tensor, Any], weights: Array | None = None) -> Any:
    """A node's output, with other weights if they are given."""
    given = [t if t is None else t.constant if t.is_constant else values[t] for t in node.inputs]
    if weights is not None:
        given[1] = weights
    return compute(node, given)


def _mean(node: Node, values: Mapping[Tensor, Any], weights: Array) -> Array:
    """The mean of each output channel, before the fused activation."""
    linear = node.replace(options=replace(node.options, fused_activation_function="NONE"))
    array = _output(linear, values, weights).numpy()
    mean: Array = array.reshape(-1, array.shape[-1]).mean(axis=0, dtype=np.float64)
    return mean


def _with_bias(node: Node, more: Array) -> Node:
    bias = node.optional_input(2)
    data = (more if bias is None else bias.constant + more).astype(np.float32)
    made = (
        Tensor(f"{node.name}/bias", data.shape, FLOAT32, None, data)
        if bias is None
        else replace(bias, data=data)
    )
    return node.replace(inputs=(node.input(0), node.input(1), made))


def _along(scales: Array, node: Node) -> Array:
    """Scales shaped to be multiplied with the node's weights."""
    shape = [1] * len(node.input(1).shape)
    shape[CHANNEL_AXIS[node.op]] = -1
    return scales.reshape(shape)
