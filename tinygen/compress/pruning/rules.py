"""What each kind of layer does to channels: ids of its output, and whose its weights are.

A rule takes the call of a layer and gives the ids of the output's last axis. It may unite ids,
freeze them, and label the layer's weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen.compress.pruning.channels import Channels, Labelled, Weight
from tinygen.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygen.ir import Array, Shape

    Rule = Callable[["Call"], Array]


@dataclass
class Call:
    """One use of a layer.

    ``inputs`` are the ids of the inputs' last axes, ``shapes`` and ``shape`` those of inputs and
    output without the batch. ``labels`` has the layers labelled so far, by their identity.
    """

    layer: Any
    channels: Channels
    inputs: list[Array]
    shapes: list[Shape]
    shape: Shape
    labels: dict[int, Labelled]

    @property
    def input(self) -> Array:
        """Ids of the first input."""
        return self.inputs[0]

    def refusal(self, what: str, instead: str) -> UnsupportedError:
        """The error for a layer whose channels cannot be followed."""
        kind = type(self.layer).__name__
        return UnsupportedError(
            f"layer {self.layer.name!r} ({kind}) cannot be pruned: {what}; {instead}"
        )

    def require(self, condition: bool, what: str, instead: str) -> None:
        """Raise :meth:`refusal` unless the condition holds."""
        if not condition:
            raise self.refusal(what, instead)

    def known(self) -> Labelled | None:
        """The labels that an earlier call has given the layer; both calls share its weights."""
        earlier = self.labels.get(id(self.layer))
        if earlier is not None:
            self.channels.unite(earlier.input, self.input)
        return earlier

    def label(self, labelled: Labelled) -> Array:
        """Keep the labels; the ids of the output."""
        self.labels[id(self.layer)] = labelled
        return labelled.output


def _weighted(make: Callable[[Call], Labelled]) -> Rule:
    """A rule for a layer with weights, which may be called more than once."""

    def rule(call: Call) -> Array:
        earlier = call.known()
        made = make(call)
        if earlier is None:
            return call.label(made)
        for weight, again in zip(earlier.weights, made.weights, strict=True):
            weight.uses += again.uses
        return earlier.output

    return rule


def _channels_last(call: Call) -> None:
    layout = getattr(call.layer, "data_format", "channels_last")
    call.require(layout == "channels_last", f"its data_format is {layout}", "use channels_last")


def _with_activation(call: Call, output: Array) -> Array:
    function = call.layer.activation
    # A layer may stand in the place of a function.
    home = getattr(function, "__module__", type(function).__module__)
    call.require(home.startswith("keras."), f"its activation is from {home}", "use one of Keras")
    if getattr(function, "__name__", "") in _MIXING:
        call.channels.freeze(output)
    return output


def _output(call: Call, count: int) -> Array:
    """Ids of what the layer computes: those of an earlier call, or new ones."""
    earlier = call.labels.get(id(call.layer))
    return _with_activation(call, call.channels.new(count) if earlier is None else earlier.output)


def _bias(call: Call, ids: Array) -> list[Weight]:
    return [Weight((ids,))] if call.layer.use_bias else []


def _positions(call: Call) -> int:
    """At how many places one call computes its channels."""
    return int(np.prod(call.shape[:-1], dtype=np.int64))


def _spatial(call: Call) -> tuple[None, ...]:
    return (None,) * len(call.layer.kernel_size)


def _conv(call: Call) -> Labelled:
    layer = call.layer
    _channels_last(call)
    call.require(layer.groups == 1, f"it has {layer.groups} groups", "use DepthwiseConv2D")
    output = _output(call, layer.filters)
    axes = (*_spatial(call), call.input, output)
    kernel = Weight(axes, len(axes) - 1, _positions(call))
    weights = [kernel, *_bias(call, output)]
    return Labelled(layer, weights, call.input, output, {"filters": output})


def _depthwise(call: Call) -> Labelled:
    _channels_last(call)
    output = _with_activation(call, np.repeat(call.input, call.layer.depth_multiplier))
    spatial = _spatial(call)
    kernel = Weight((*spatial, call.input, None), len(spatial), _positions(call))
    return Labelled(call.layer, [kernel, *_bias(call, output)], call.input, output)


def _separable(call: Call) -> Labelled:
    layer = call.layer
    _channels_last(call)
    output = _output(call, layer.filters)
    between = np.repeat(call.input, layer.depth_multiplier)
    spatial = _spatial(call)
    weights = [
        Weight((*spatial, call.input, None), len(spatial), _positions(call)),
        Weight((*spatial, between, output), len(spatial) + 1, _positions(call)),
        *_bias(call, output),
    ]
    return Labelled(layer, weights, call.input, output, {"filters": output})


def _dense(call: Call) -> Labelled:
    output = _output(call, call.layer.units)
    weights = [Weight((call.input, output), 1, _positions(call)), *_bias(call, output)]
    return Labelled(call.layer, weights, call.input, output, {"units": output})


def _batch_normalization(call: Call) -> Labelled:
    layer = call.layer
    axis = layer.axis[0] if isinstance(layer.axis, list | tuple) else layer.axis
    rank = len(call.shape) + 1
    call.require(axis % rank == rank - 1, f"it normalizes axis {axis}", "use axis=-1")
    weights = [Weight((call.input,)) for _ in layer.weights]
    return Labelled(layer, weights, call.input, call.input)


def _recurrent(gates: int) -> Callable[[Call], Labelled]:
    """LSTM, GRU and the simple one: ``gates`` blocks of units side by side in every weight."""

    def rule(call: Call) -> Labelled:
        layer = call.layer
        call.require(
            len(call.inputs) == 1 and not layer.return_state,
            "its state comes from or goes to other layers",
            "use it without initial_state and return_state",
        )
        output = _output(call, layer.units)
        wide, steps = np.tile(output, gates), call.shapes[0][0]
        weights = [Weight((call.input, wide), 1, steps), Weight((output, wide), 1, steps)]
        if layer.use_bias:
            # GRU with reset_after has a row of biases for the input and one for the state.
            weights.append(Weight((*(None,) * (len(layer.weights[2].shape) - 1), wide)))
        return Labelled(layer, weights, call.input, output, {"units": output})

    return rule


def _same(call: Call) -> Array:
    """A layer that treats every channel alike, whatever the others hold."""
    _channels_last(call)
    return call.input


def _activation(call: Call) -> Array:
    return _with_activation(call, call.input)


def _mixing(call: Call) -> Array:
    """A layer in which every channel needs all the others, or has a constant of its own."""
    call.channels.freeze(call.input)
    return call.input


def _merge(call: Call) -> Array:
    """Elementwise: channels at equal places go together; one channel alone is met by all."""
    call.require(
        len({len(shape) for shape in call.shapes}) == 1,
        "its inputs have different numbers of axes",
        "reshape them to one number of axes",
    )
    width = max(len(ids) for ids in call.inputs)
    wide = [ids for ids in call.inputs if len(ids) == width]
    for ids in call.inputs:
        if len(ids) < width:
            call.channels.freeze(ids)
    for ids in wide[1:]:
        call.channels.unite(wide[0], ids)
    return wide[0]


def _concatenate(call: Call) -> Array:
    rank = len(call.shape) + 1
    if call.layer.axis % rank == rank - 1:
        return np.concatenate(call.inputs)
    for ids in call.inputs[1:]:
        call.channels.unite(call.input, ids)
    return call.input


def _reshape(call: Call) -> Array:
    """The columns of the new last axis, each with all channels that come to lie in it.

    Removing whole columns removes whole channels, and all others keep their order.
    """
    laid_out = np.broadcast_to(call.input, call.shapes[0]).reshape(-1, call.shape[-1])
    for row in laid_out[1:]:
        call.channels.unite(laid_out[0], row)
    columns: Array = laid_out[0].copy()
    return columns


def _reshape_layer(call: Call) -> Array:
    ids = _reshape(call)
    earlier = call.labels.get(id(call.layer))
    if earlier is not None:
        call.channels.unite(earlier.output, ids)
    return call.label(Labelled(call.layer, [], call.input, ids, {"target_shape": ids}))


def _permute(call: Call) -> Array:
    rank = len(call.shape)
    if call.layer.dims[-1] == rank:
        return call.input
    call.channels.freeze(call.input)
    ids = call.channels.new(call.shape[-1])
    call.channels.freeze(ids)
    return ids


def _rescaling(call: Call) -> Array:
    layer = call.layer
    return call.input if np.ndim(layer.scale) == np.ndim(layer.offset) == 0 else _mixing(call)


_MIXING = ("softmax", "log_softmax", "sparsemax")

RULES: dict[str, Rule] = {
    **dict.fromkeys(("Conv1D", "Conv2D"), _weighted(_conv)),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _weighted(_depthwise)),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _weighted(_separable)),
    "Dense": _weighted(_dense),
    "BatchNormalization": _weighted(_batch_normalization),
    "LSTM": _weighted(_recurrent(4)),
    "GRU": _weighted(_recurrent(3)),
    "SimpleRNN": _weighted(_recurrent(1)),
    **dict.fromkeys(
        ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"),
        _merge,
    ),
    "Concatenate": _concatenate,
    "Flatten": _reshape,
    "Reshape": _reshape_layer,
    "Permute": _permute,
    **dict.fromkeys(("ReLU", "LeakyReLU", "ELU"), _same),
    "Activation": _activation,
    "Softmax": _mixing,
    "Rescaling": _rescaling,
    "Normalization": _mixing,
    **dict.fromkeys(
        (
            "ActivityRegularization",
            "AlphaDropout",
            "AveragePooling1D",
            "AveragePooling2D",
            "Cropping1D",
            "Cropping2D",
            "Dropout",
            "GaussianDropout",
            "GaussianNoise",
            "GlobalAveragePooling1D",
            "GlobalAveragePooling2D",
            "GlobalMaxPooling1D",
            "GlobalMaxPooling2D",
            "Identity",
            "MaxPooling1D",
            "MaxPooling2D",
            "SpatialDropout1D",
            "SpatialDropout2D",
            "UpSampling1D",
            "UpSampling2D",
            "ZeroPadding1D",
            "ZeroPadding2D",
        ),
        _same,
    ),
}
"""What a layer does to channels, by its class name."""
