"""A float graph and its values, rounded as its int8 form rounds them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tinygen.compress import fakequant
from tinygen.compress.backend import tensorflow
from tinygen.compress.evaluate import compute
from tinygen.compress.fold import CHANNEL_AXIS, scale_axis
from tinygen.compress.ranges import Group, groups

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tinygen.ir import Graph, Node, Tensor

Ranges = Literal["learned", "moving"]

MOMENTUM = 0.99
"""What a moving range keeps of itself in one step."""

_MOVES = {
    "CONCATENATION",
    "MAXIMUM",
    "MAX_POOL_2D",
    "MINIMUM",
    "PAD",
    "RESHAPE",
    "RESIZE_NEAREST_NEIGHBOR",
    "SLICE",
    "TRANSPOSE",
}
"""Operators whose outputs are among their inputs (or zero), and so rounded already."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What does not change while a model trains."""

    graph: Graph
    weight_bits: int
    per_channel_dense: bool
    ranges: Ranges

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Those whose ranges are the model's own, in the order of its ranges."""
        return tuple(group for group in groups(self.graph) if group.fixed is None)

    @cached_property
    def fixed(self) -> tuple[Group, ...]:
        """Those whose quantization an operator fixes."""
        return tuple(group for group in groups(self.graph) if group.fixed is not None)

    @cached_property
    def weighted(self) -> tuple[Node, ...]:
        """The nodes with weights, in execution order."""
        return tuple(node for node in self.graph.nodes if node.op in CHANNEL_AXIS)

    @cached_property
    def constants(self) -> tuple[Tensor, ...]:
        """Weights and biases, each once."""
        found = (tensor for node in self.weighted for tensor in node.inputs[1:])
        return tuple(dict.fromkeys(tensor for tensor in found if tensor is not None))

    def axis(self, node: Node) -> int | None:
        """The axis of a node's weights that has one scale per slice."""
        return scale_axis(node, self.per_channel_dense)

    def is_input(self, group: Group) -> bool:
        """Whether the model's own inputs are in the group: their range is what the data has."""
        return any(tensor in self.graph.inputs for tensor in group.members)


class Rounded:
    """The graph with the weights and ranges of one step of training.

    ``constants`` has the weights and biases, ``ranges`` shape (groups, 2), and ``largest``, by node
    name, what weights are clipped to; all of them TensorFlow values.
    """

    def __init__(
        self,
        plan: Plan,
        constants: Mapping[Tensor, Any],
        ranges: Any,
        largest: Mapping[str, Any],
    ) -> None:
        tf = tensorflow()
        self._plan = plan
        self._constants = constants
        self._largest = largest
        self._ends: dict[Tensor, tuple[Any, Any]] = {}
        for group, ends in zip(plan.groups, tf.unstack(ranges), strict=True):
            self._ends |= dict.fromkeys(group.members, tuple(tf.unstack(ends)))
        for group in plan.fixed:
            assert group.fixed is not None
            scale, zero_point = np.float32(group.fixed.scale), group.fixed.zero_point
            ends = tuple(tf.constant((end - zero_point) * scale) for end in (-128, 127))
            self._ends |= dict.fromkeys(group.members, ends)

    def run(
        self, inputs: Sequence[Any], *, exact_ends: bool = False
    ) -> tuple[dict[Tensor, Any], dict[Tensor, Any]]:
        """All activations, and beside them those that were rounded, as they were before.

        With ``exact_ends``, outputs of the graph whose quantization is fixed are not rounded.
        """
        left_alone = {tensor for group in self._plan.fixed for tensor in group.members}
        left_alone &= set(self._plan.graph.outputs) if exact_ends else set()
        exact: dict[Tensor, Any] = {}
        values = {
            tensor: fakequant.graph_input(x, *self._ends[tensor])
            for tensor, x in zip(self._plan.graph.inputs, inputs, strict=True)
        }
        for node in self._plan.graph.nodes:
            value = self.compute(node, values)
            if node.op not in _MOVES and node.output not in left_alone:
                exact[node.output] = value
                value = self.round(node.output, value)
            values[node.output] = value
        return values, exact

    def compute(self, node: Node, values: Mapping[Tensor, Any]) -> Any:
        """A node's output before it is rounded, from the rounded values of its inputs."""
        given = [
            t if t is None else self._constants.get(t, t.data) if t.is_constant else values[t]
            for t in node.inputs
        ]
        if node.op in CHANNEL_AXIS:
            given[1:] = self._weights(node, *given[1:])
        return compute(node, given)

    def round(self, tensor: Tensor, value: Any) -> Any:
        """A value on the steps of the tensor's quantization."""
        return fakequant.activation(value, *self._ends[tensor])

    def _weights(self, node: Node, weights: Any, bias: Any) -> list[Any]:
        """Weights and bias of a node as their int8 and int32 forms hold them."""
        input_scale, _ = fakequant.activation_scales(*self._ends[node.input(0)])
        weights, scales = fakequant.weights(
            weights,
            self._plan.axis(node),
            bias,
            input_scale,
            self._plan.weight_bits,
            self._largest.get(node.name),
        )
        return [weights, None if bias is None else fakequant.bias(bias, input_scale, scales)]


def moved(plan: Plan, ranges: Any, exact: Mapping[Tensor, Any]) -> Any:
    """Ranges of shape (groups, 2) after one more batch, from its values before rounding."""
    tf = tensorflow()
    rows = []
    for group, ends in zip(plan.groups, tf.unstack(ranges), strict=True):
        seen = [exact[tensor] for tensor in group.members if tensor in exact]
        if plan.is_input(group) or not seen:
            rows.append(ends)
            continue
        low = tf.reduce_min(tf.stack([0.0, *map(tf.reduce_min, seen)]))
        high = tf.reduce_max(tf.stack([0.0, *map(tf.reduce_max, seen)]))
        rows.append(MOMENTUM * ends + (1 - MOMENTUM) * tf.stack([low, high]))
    return tf.stack(rows)
