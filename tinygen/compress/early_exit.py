"""An early exit for a Keras model: a second classifier on a layer in the middle.

What the head is sure of needs no more layers. It is trained together with the network, or by itself
on a network that stays as it is; then a threshold is chosen, on samples that nothing was trained
on, as low as an accuracy allows. The source of the idea is BranchyNet (Teerapittayanon and others,
2016), which compares entropies where this compares the largest probability: on a device, that is
one comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen.compress.backend import keras
from tinygen.compress.classify import ending, log_probabilities
from tinygen.compress.training import fit, hard_loss
from tinygen.errors import ConfigError, DataError, ModelError

if TYPE_CHECKING:
    from tinygen.compress.dataset import Labelled
    from tinygen.compress.training import Batch, Plan
    from tinygen.ir import Array

HEAD = "early_exit"
_POOLING = {4: "GlobalAveragePooling2D", 3: "GlobalAveragePooling1D"}


def attach(model: Any, at: str, head: Any = None) -> Any:
    """A keras.Model with two outputs, the exit's first and the final one last.

    The exit reads the layer named ``at`` of a functional or sequential model. ``head`` is a
    keras.Model or layer from that layer's output to the classes; by default the average over all
    positions, and a dense layer with softmax. Layers are shared with ``model``. Raises ModelError
    where the layer is not there, or where the two outputs would not be the same classes.
    """
    names = [layer.name for layer in model.layers]
    if at not in names:
        raise ModelError(
            f"model {model.name!r} has no layer {at!r} for an exit; name one of {', '.join(names)}"
        )
    if len(model.outputs) != 1 or ending(model) != "softmax" or len(model.outputs[0].shape) != 2:
        raise ModelError(
            f"model {model.name!r} does not end in one softmax over classes, which an exit is held "
            "against; give it a softmax as its last layer"
        )
    x = model.get_layer(at).output
    leave = _head(model, x) if head is None else head(x)
    made = keras().Model(inputs(model), [leave, model.outputs[0]], name=model.name)
    if tuple(leave.shape) != tuple(model.outputs[0].shape) or _ending(made, 0) != "softmax":
        raise ModelError(
            f"the head at {at!r} ends in shape {tuple(leave.shape)} and {_ending(made, 0)}, but "
            f"model {model.name!r} in {tuple(model.outputs[0].shape)} and softmax; let it end alike"
        )
    return made


class Joint:
    """Cross-entropy of the final output plus ``weight`` times that of the exit.

    Without ``final``, that of the exit alone.
    """

    def __init__(self, weight: float = 0.5, *, final: bool = True) -> None:
        self._weight = weight
        self._final = final
        self.variables: list[Any] = []

    def bind(self, samples: Labelled, augmented: bool) -> None:
        """Needs nothing to be prepared."""

    def __call__(self, model: Any, batch: Batch) -> Any:
        """The loss of a batch."""
        at_exit, final = (
            hard_loss(log_probabilities(outputs, "softmax"), batch.y)
            for outputs in model(batch.x, training=True)
        )
        return final + self._weight * at_exit if self._final else at_exit


def train_head(model: Any, samples: Labelled, plan: Plan, **options: Any) -> list[float]:
    """Train what :func:`attach` has added and nothing else, in place; returns the losses.

    The final output stays what it was, bit for bit. ``options`` are those of
    :func:`.training.fit`.
    """
    final = keras().Model(inputs(model), model.outputs[1])
    kept = {id(layer) for layer in final.layers}
    frozen = [layer for layer in model.layers if id(layer) in kept and layer.trainable]
    try:
        for layer in frozen:
            layer.trainable = False
        return fit(model, samples, plan, objective=Joint(1.0, final=False), **options)
    finally:
        for layer in frozen:
            layer.trainable = True


@dataclass(frozen=True)
class Choice:
    """A threshold and what comes of it, on the samples that it was chosen on.

    ``threshold`` is None where no sample may leave early. ``rate`` is the share of samples that do,
    ``accuracy`` that of the answers then, ``final_accuracy`` that without the exit.
    """

    threshold: float | None
    rate: float
    accuracy: float
    final_accuracy: float


def choose(at_exit: Array, final: Array, y: Array, loss: float = 0.0) -> Choice:
    """The lowest threshold at which at most ``loss`` of the accuracy is lost.

    ``at_exit`` and ``final`` are probabilities of shape (samples, classes) of samples that were not
    trained on, best those of the int8 network; ``y`` their classes. Raises DataError without
    samples, ConfigError for a loss that is not from 0 to 1.
    """
    if not len(y):
        raise DataError("there are no samples to choose a threshold on; hold some back")
    if not 0 <= loss <= 1:
        raise ConfigError(f"an exit cannot lose {loss} of the accuracy; give a part from 0 to 1")
    sure = at_exit.max(axis=1)
    order = np.argsort(-sure, kind="stable")
    right_early = np.cumsum((at_exit.argmax(axis=1) == y)[order])
    right_late = np.cumsum((final.argmax(axis=1) == y)[order])
    total = int(right_late[-1])
    right = right_early + total - right_late  # when this many samples and one more leave early
    # Those that are as sure as the last to leave would leave as well.
    last = np.append(np.diff(sure[order]) != 0, True)
    allowed = np.flatnonzero(last & (right >= total - loss * len(y)))
    if not allowed.size:
        return Choice(None, 0.0, total / len(y), total / len(y))
    k = int(allowed[-1])
    return Choice(float(sure[order][k]), (k + 1) / len(y), int(right[k]) / len(y), total / len(y))


def _head(model: Any, x: Any) -> Any:
    layers = keras().layers
    if len(x.shape) in _POOLING:
        x = getattr(layers, _POOLING[len(x.shape)])(name=f"{HEAD}_pool")(x)
    if len(x.shape) != 2:
        raise ModelError(
            f"model {model.name!r} gives shape {tuple(x.shape)} where its exit is to be; name a "
            "layer with an image, a series or a vector, or give a head"
        )
    return layers.Dense(model.outputs[0].shape[-1], activation="softmax", name=HEAD)(x)


def inputs(model: Any) -> Any:
    """As Keras wants to be called with: one tensor, or a list of them."""
    return model.inputs[0] if len(model.inputs) == 1 else model.inputs


def _ending(model: Any, output: int) -> str:
    return ending(keras().Model(inputs(model), model.outputs[output]))
