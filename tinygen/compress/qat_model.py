"""The keras.Model that quantization-aware training trains, and its forward pass."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tinygen.compress import fakequant
from tinygen.compress.backend import keras, tensorflow
from tinygen.compress.clipping import best_largest
from tinygen.compress.evaluate import compute
from tinygen.compress.export import scale_axis
from tinygen.compress.fold import CHANNEL_AXIS
from tinygen.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tinygen.compress.ranges import Group
    from tinygen.compress.scales import Range
    from tinygen.ir import Array, Graph, Node, Tensor

Ranges = Literal["learned", "moving"]

MOMENTUM = 0.99
"""What a moving range keeps of itself in one step."""

_SMALLEST_FACTOR = 1 / 64

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
    """What does not change while a model trains.

    ``groups`` are those whose ranges are the model's own, in the order of its range variables;
    ``constants`` the weights and biases in the order of theirs.
    """

    graph: Graph
    groups: tuple[Group, ...]
    fixed: tuple[Group, ...]
    constants: tuple[Tensor, ...]
    weight_bits: int
    per_channel_dense: bool
    ranges: Ranges

    @property
    def weighted(self) -> list[Node]:
        """The nodes with weights, in execution order."""
        return [node for node in self.graph.nodes if node.op in CHANNEL_AXIS]

    def axis(self, node: Node) -> int | None:
        """The axis of a node's weights that has one scale per slice."""
        return scale_axis(node, self.per_channel_dense)

    def is_input(self, group: Group) -> bool:
        """Whether the model's own inputs are in the group: their range is what the data has."""
        return any(tensor in self.graph.inputs for tensor in group.members)


def _forward(
    plan: Plan,
    constants: Mapping[Tensor, Any],
    ranges: Any,
    largest: Mapping[str, Any],
    inputs: Sequence[Any],
    training: bool,
) -> tuple[dict[Tensor, Any], dict[Tensor, Any]]:
    """Fake-quantized values of all activations, and those of them before rounding.

    ``ranges`` is a value of shape (groups, 2), ``largest`` by node name.
    """
    tf = tensorflow()
    span: dict[Tensor, tuple[Any, Any]] = {}
    step: dict[Tensor, Any] = {}
    for group, pair in zip(plan.groups, tf.unstack(ranges), strict=True):
        low, high = tf.unstack(pair)
        scale, _ = fakequant.activation_scales(low, high)
        span |= dict.fromkeys(group.members, (low, high))
        step |= dict.fromkeys(group.members, scale)
    for group in plan.fixed:
        assert group.fixed is not None
        scale, zero_point = np.float32(group.fixed.scale), group.fixed.zero_point
        ends = tf.constant((-128 - zero_point) * scale), tf.constant((127 - zero_point) * scale)
        span |= dict.fromkeys(group.members, ends)
        step |= dict.fromkeys(group.members, tf.constant(scale))
    left_alone = {
        tensor for group in plan.fixed for tensor in group.members if tensor in plan.graph.outputs
    }

    exact: dict[Tensor, Any] = {}
    values = {
        tensor: fakequant.graph_input(x, *span[tensor])
        for tensor, x in zip(plan.graph.inputs, inputs, strict=True)
    }
    for node in plan.graph.nodes:
        given = [
            t if t is None else constants.get(t, t.data) if t.is_constant else values[t]
            for t in node.inputs
        ]
        if node.op in CHANNEL_AXIS:
            given[1:] = _weights(plan, node, given, step[node.input(0)], largest)
        y = compute(node, given)
        if node.op in _MOVES or (training and node.output in left_alone):
            values[node.output] = y
        else:
            exact[node.output] = y
            values[node.output] = fakequant.activation(y, *span[node.output])
    return values, exact


def _weights(
    plan: Plan, node: Node, given: Sequence[Any], input_scale: Any, largest: Mapping[str, Any]
) -> list[Any]:
    """Weights and bias of a node as their int8 and int32 forms hold them."""
    _, weights, bias = given
    weights, scales = fakequant.weights(
        weights, plan.axis(node), bias, input_scale, plan.weight_bits, largest.get(node.name)
    )
    return [weights, None if bias is None else fakequant.bias(bias, input_scale, scales)]


def _moved(plan: Plan, ranges: Any, exact: Mapping[Tensor, Any]) -> Any:
    """Ranges of shape (groups, 2) after one more batch."""
    tf = tensorflow()
    rows = []
    for group, pair in zip(plan.groups, tf.unstack(ranges), strict=True):
        seen = [exact[tensor] for tensor in group.members if tensor in exact]
        if plan.is_input(group) or not seen:
            rows.append(pair)
            continue
        low = tf.reduce_min(tf.stack([0.0, *map(tf.reduce_min, seen)]))
        high = tf.reduce_max(tf.stack([0.0, *map(tf.reduce_max, seen)]))
        rows.append(MOMENTUM * pair + (1 - MOMENTUM) * tf.stack([low, high]))
    return tf.stack(rows)


@cache
def model_class() -> Any:
    """The class of prepared models, made when Keras is first needed."""
    module = keras()
    tf = tensorflow()

    class QatModel(module.Model):  # type: ignore[misc,name-defined]
        """A float graph whose values are rounded as int8 will have them."""

        def __init__(self, plan: Plan, seen: Mapping[str, Range]) -> None:
            super().__init__(name=_word(plan.graph.name))
            self.plan = plan
            self.values = [
                self._variable(tensor.name, tensor.constant, True) for tensor in plan.constants
            ]
            united = [group.united(seen) for group in plan.groups]
            ends = np.array([(min(r.low, 0), max(r.high, 0)) for r in united], np.float32)
            self.ends = self._variable("ranges", ends.reshape(-1, 2), False)
            self.factors = None
            if plan.ranges == "learned":
                # One factor per end: a step of the optimizer then is relative to the range.
                self.factors = self._variable("range_factors", np.ones_like(ends), True)
            self.limits, self.limit_factors = [], []
            for node in plan.weighted if plan.weight_bits < 8 else ():
                weights = node.input(1).constant
                best = best_largest(weights, plan.axis(node), plan.weight_bits)
                self.limits.append(self._variable(f"{node.name}/limit", best, False))
                factor = self._variable(f"{node.name}/limit_factor", np.ones_like(best), True)
                self.limit_factors.append(factor)
            self.built = True

        def _variable(self, name: str, value: Array, trainable: bool) -> Any:
            return self.add_weight(
                shape=value.shape,
                initializer=lambda shape, dtype=None: value,
                trainable=trainable,
                name=_word(name),
            )

        def group_ranges(self) -> Any:
            """Low and high end per group of the plan, shape (groups, 2)."""
            if self.factors is None:
                return tf.convert_to_tensor(self.ends)
            factors = tf.maximum(tf.convert_to_tensor(self.factors), _SMALLEST_FACTOR)
            frozen = np.array([[self.plan.is_input(group)] for group in self.plan.groups])
            return tf.convert_to_tensor(self.ends) * tf.where(frozen, 1.0, factors)

        def largest(self) -> dict[str, Any]:
            """What weights are clipped to, by node name, where that is learned."""
            if not self.limits:
                return {}
            named = {}
            for node, limit, factor in zip(
                self.plan.weighted, self.limits, self.limit_factors, strict=True
            ):
                factor = tf.maximum(tf.convert_to_tensor(factor), _SMALLEST_FACTOR)
                elements = node.input(1).size / limit.shape[0]
                factor = fakequant.damped(factor, elements, self.plan.weight_bits)
                named[node.name] = tf.convert_to_tensor(limit) * factor
            return named

        def __call__(self, x: Any, *args: Any, **options: Any) -> Any:
            # Before Keras sees it, which would wrap an error in a page of its own.
            return super().__call__(self._checked(x), *args, **options)

        def _checked(self, x: Any) -> list[Any]:
            given: list[Any] = module.tree.flatten(x)
            wanted = self.plan.graph.inputs
            fits = len(given) == len(wanted) and all(
                len(value.shape) > 0 and _fits(tuple(value.shape[1:]), tensor.shape[1:])
                for value, tensor in zip(given, wanted, strict=True)
            )
            if not fits:
                raise DataError(
                    f"model {self.plan.graph.name!r} takes inputs of shapes "
                    f"{[t.shape[1:] for t in wanted]} behind the batch, and was given "
                    f"{[tuple(value.shape) for value in given]}; reshape the data"
                )
            return given

        def call(self, x: Any, training: bool = False) -> Any:
            """Outputs as ``model`` has them; one value, or a list of several."""
            inputs = [
                tf.reshape(tf.cast(value, tf.float32), (-1, *tensor.shape[1:]))
                for value, tensor in zip(x, self.plan.graph.inputs, strict=True)
            ]
            values, exact = self.activations(inputs, training)
            if training and self.factors is None:
                self.ends.assign(_moved(self.plan, tf.convert_to_tensor(self.ends), exact))
            outputs = [values[tensor] for tensor in self.plan.graph.outputs]
            return outputs if len(outputs) > 1 else outputs[0]

        def activations(self, inputs: Sequence[Any], training: bool = False) -> Any:
            """All values of the graph, rounded, and those before rounding, by tensor."""
            constants = dict(
                zip(self.plan.constants, map(tf.convert_to_tensor, self.values), strict=True)
            )
            return _forward(
                self.plan, constants, self.group_ranges(), self.largest(), inputs, training
            )

    return QatModel


def _fits(given: Sequence[int | None], wanted: Sequence[int]) -> bool:
    """Whether a shape is the wanted one; axes of length one at the end may be left out."""
    whole = (*given, *(1,) * (len(wanted) - len(given)))
    return len(whole) == len(wanted) and all(
        size in (None, length) for size, length in zip(whole, wanted, strict=True)
    )


def _word(name: str) -> str:
    """A name as Keras allows it for variables."""
    return name.replace("/", "_")
