"""The same model without some of its channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen.compress.backend import keras
from tinygen.compress.pruning.structure import calls, graph_of

if TYPE_CHECKING:
    from collections.abc import Set

    from tinygen.compress.pruning.channels import Labelled, Weight
    from tinygen.compress.pruning.structure import Structure
    from tinygen.ir import Array


def without(model: Any, structure: Structure, removed: Set[int]) -> Any:
    """A new keras.Model without the channels whose root is in ``removed``.

    ``structure`` is what :func:`~tinygen.compress.pruning.structure.analyse` says of the model.
    Layers keep their names and the weights that are left; a model inside stays a model. The new
    model is functional and not compiled.
    """
    return _Surgery(structure, removed).rebuilt(model)


def removed_channels(structure: Structure, removed: Set[int]) -> dict[str, int]:
    """How many channels each layer that computes channels loses, by the layer's name."""
    gone = sorted(removed)
    lost = {
        labelled.layer.name: int(np.isin(structure.channels.roots(labelled.output), gone).sum())
        for labelled in structure.layers
        if any(weight.produces is not None for weight in labelled.weights)
    }
    return {name: count for name, count in lost.items() if count}


class _Surgery:
    """Layers that are shared, and models that are called twice, are made once."""

    def __init__(self, structure: Structure, removed: Set[int]) -> None:
        self._structure = structure
        self._labels = {id(labelled.layer): labelled for labelled in structure.layers}
        self._removed = np.array(sorted(removed), dtype=np.int64)
        self._made: dict[int, Any] = {}

    def rebuilt(self, model: Any) -> Any:
        function = graph_of(model)
        tensors = {id(symbolic): self._input(symbolic) for symbolic in function.inputs}
        inputs = [tensors[id(symbolic)] for symbolic in function.inputs]
        for node in calls(function):
            arguments, options = node.arguments.fill_in(tensors)
            result = self._layer(node.operation)(*arguments, **options)
            made = keras().tree.flatten(result)
            tensors.update(zip(map(id, node.outputs), made, strict=True))
        outputs = [tensors[id(symbolic)] for symbolic in function.outputs]
        # A model of one input or output takes and gives it bare, as Keras itself has it.
        made = keras().Model(_bare(inputs), _bare(outputs), name=model.name)
        made.trainable = model.trainable
        return made

    def _input(self, symbolic: Any) -> Any:
        kept = self._kept(self._structure.inputs[id(symbolic)])
        origin = symbolic._keras_history.operation
        return keras().Input(
            batch_shape=(*symbolic.shape[:-1], int(kept.sum())),
            dtype=symbolic.dtype,
            name=origin.name,
        )

    def _layer(self, layer: Any) -> Any:
        if not isinstance(layer, keras().Layer):
            return layer
        if id(layer) not in self._made:
            is_model = isinstance(layer, keras().Model)
            self._made[id(layer)] = self.rebuilt(layer) if is_model else self._cut(layer)
        return self._made[id(layer)]

    def _cut(self, layer: Any) -> Any:
        labelled = self._labels.get(id(layer))
        config = layer.get_config()
        if labelled is None:
            return type(layer).from_config(config)
        for key, ids in labelled.settings.items():
            count = int(self._kept(ids).sum())
            value = config[key]
            config[key] = count if isinstance(value, int) else (*value[:-1], count)
        made = type(layer).from_config(config)
        if labelled.weights:
            made.build((None, *_input_shape(layer, int(self._kept(labelled.input).sum()))))
            made.set_weights(self._weights(labelled))
        return made

    def _weights(self, labelled: Labelled) -> list[Array]:
        arrays = labelled.layer.get_weights()
        return [self._slice(a, w) for a, w in zip(arrays, labelled.weights, strict=True)]

    def _slice(self, array: Array, weight: Weight) -> Array:
        for axis, ids in enumerate(weight.axes):
            if ids is not None:
                array = np.compress(self._kept(ids), array, axis)
        return array

    def _kept(self, ids: Array) -> Array:
        return ~np.isin(self._structure.channels.roots(ids), self._removed)


def _input_shape(layer: Any, channels: int) -> tuple[Any, ...]:
    """The shape, without the batch, that a layer was built for, with other channels."""
    shape = layer.get_build_config()["input_shape"]
    return (*shape[1:-1], channels)


def _bare(tensors: list[Any]) -> Any:
    return tensors[0] if len(tensors) == 1 else tensors
