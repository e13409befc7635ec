"""A Keras model as channels: which slices of weights and activations belong to which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen.compress.backend import keras
from tinygen.compress.pruning.channels import Channels, Labelled
from tinygen.compress.pruning.rules import RULES, Call
from tinygen.errors import ModelError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinygen.ir import Array, Shape

_IN_PLACE = ("Activation", "BatchNormalization", "Dropout", "Flatten", "ReLU", "Reshape")
"""Layers that need no memory for their output: they are fused, or only another view."""


@dataclass(frozen=True)
class Activation:
    """A tensor that needs memory: ids of its last axis, how many values each has, its life."""

    ids: Array
    positions: int
    first: int
    last: int


@dataclass(frozen=True)
class Structure:
    """The channels of a model, layers labelled in the order in which they are first called.

    ``inputs`` has the ids of every input of the model and of the models inside it, by the identity
    of Keras' symbolic tensor.
    """

    channels: Channels
    layers: tuple[Labelled, ...]
    inputs: dict[int, Array]
    activations: tuple[Activation, ...]


def analyse(model: Any) -> Structure:
    """The channels of a functional or Sequential keras.Model.

    Raises UnsupportedError that names a layer whose channels cannot be followed, ModelError for a
    model that is no graph of layers, has sizes that are not fixed, or weights that are not finite.
    """
    function = graph_of(model)
    for weight in model.weights:
        if not np.isfinite(np.asarray(weight)).all():
            raise ModelError(
                f"model {model.name!r}: weight {weight.path} holds values that are not finite; "
                "train the model again, with a lower learning rate"
            )
    walk = _Walk()
    given = [walk.enter(symbolic) for symbolic in function.inputs]
    found = walk.run(function, given)
    for value in (*given, *found):
        walk.channels.freeze(value.ids)
    for value in found:
        value.buffer.last = walk.step
    return Structure(
        walk.channels,
        tuple(walk.labels.values()),
        walk.inputs,
        tuple(Activation(b.ids, b.positions, b.first, b.last) for b in walk.buffers),
    )


def graph_of(model: Any) -> Any:
    """The model as Keras' graph of layers. Raises ModelError where there is none."""
    if not model.built or not getattr(model, "inputs", None):
        raise ModelError(
            f"model {model.name!r} has no graph of layers (a subclassed or unbuilt model); build "
            "it with the functional API or as a Sequential that begins with an Input"
        )
    return keras().Model(model.inputs, model.outputs)


def calls(function: Any) -> Iterator[Any]:
    """The calls of layers in a graph, in execution order.

    Keras has no public way to walk a model's graph; its own call walks ``_nodes_by_depth`` so.
    """
    for depth in sorted(function._nodes_by_depth, reverse=True):
        yield from (node for node in function._nodes_by_depth[depth] if not node.is_input)


@dataclass
class _Buffer:
    ids: Array
    positions: int
    first: int
    last: int


@dataclass
class _Value:
    """A symbolic tensor: the ids of its last axis, and the memory it lies in."""

    ids: Array
    buffer: _Buffer


class _Walk:
    """One walk through a graph and the graphs inside it."""

    def __init__(self) -> None:
        self.channels = Channels()
        self.labels: dict[int, Labelled] = {}
        self.inputs: dict[int, Array] = {}
        self.buffers: list[_Buffer] = []
        self.step = 0

    def enter(self, symbolic: Any) -> _Value:
        """The value of a model's input."""
        ids = self.channels.new(_shape(symbolic, "the model's input")[-1])
        return self._stored(ids, symbolic)

    def run(self, function: Any, given: list[_Value]) -> list[_Value]:
        """The values of a graph's outputs, from those of its inputs."""
        for symbolic, value in zip(function.inputs, given, strict=True):
            # A model called twice has the same layers both times, and so the same channels.
            known = self.inputs.setdefault(id(symbolic), value.ids)
            self.channels.unite(known, value.ids)
        values = dict(zip(map(id, function.inputs), given, strict=True))
        for node in calls(function):
            taken = [values[id(symbolic)] for symbolic in node.input_tensors]
            made = self._call(node, taken)
            values.update(zip(map(id, node.outputs), made, strict=True))
        return [values[id(symbolic)] for symbolic in function.outputs]

    def _call(self, node: Any, taken: list[_Value]) -> list[_Value]:
        layer = node.operation
        if isinstance(layer, keras().Model):
            return self.run(graph_of(layer), taken)
        kind, where = type(layer).__name__, f"layer {layer.name!r}"
        self.step += 1
        for value in taken:
            value.buffer.last = self.step
        shapes = [_shape(symbolic, where) for symbolic in node.input_tensors]
        (symbolic,) = node.outputs[:1]
        shape = _shape(symbolic, where)
        inputs = [value.ids for value in taken]
        call = Call(layer, self.channels, inputs, shapes, shape, self.labels)
        _judge(call, node)
        ids = RULES[kind](call)
        call.require(len(ids) == shape[-1], "its channels cannot be followed", "replace it")
        if kind in _IN_PLACE and len(taken) == 1:
            return [_Value(ids, taken[0].buffer)]
        return [self._stored(ids, symbolic)]

    def _stored(self, ids: Array, symbolic: Any) -> _Value:
        positions = int(np.prod(symbolic.shape[1:-1], dtype=np.int64))
        buffer = _Buffer(ids, positions, self.step, self.step)
        self.buffers.append(buffer)
        return _Value(ids, buffer)


def _judge(call: Call, node: Any) -> None:
    """Refuse what has no rule: other people's layers, functions, operations on constants."""
    layer = call.layer
    known = type(layer).__name__ in RULES and type(layer).__module__.startswith("keras.")
    if not known:
        raise UnsupportedError(
            f"layer {layer.name!r} ({type(layer).__name__}) cannot be pruned: nothing is known of "
            f"its channels; replace it, known are {', '.join(sorted(RULES))}"
        )
    if not isinstance(layer, keras().Layer):
        call.require(
            len(node.arguments._flat_arguments) == len(call.inputs),
            "it is an operation outside a layer",
            "use the layer of keras.layers that does the same",
        )


def _shape(symbolic: Any, where: str) -> Shape:
    """The shape of a symbolic tensor without its batch."""
    shape = tuple(symbolic.shape[1:])
    if None in shape or not shape:
        raise ModelError(
            f"{where} has shape {tuple(symbolic.shape)}, which is not fixed; "
            "build the model with an Input whose shape has only numbers"
        )
    return tuple(int(size) for size in shape)
