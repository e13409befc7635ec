"""Activation functions: as layers of their own, and as the ``activation`` of another layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygen.compress.lowering.emitter import Call, Emitter
    from tinygen.ir import Tensor

_OPERATORS = {
    "relu": "RELU",
    "relu6": "RELU6",
    "sigmoid": "LOGISTIC",
    "tanh": "TANH",
    "softmax": "SOFTMAX",
    "hard_silu": "HARD_SWISH",
    "hard_swish": "HARD_SWISH",
}
_KNOWN = ", ".join(("linear", *_OPERATORS, "leaky_relu", "silu"))
_DEFAULT_LEAK = 0.2
"""Slope of ``keras.activations.leaky_relu`` where it is named by a string."""


def activate(emitter: Emitter, call: Call, x: Tensor) -> Tensor:
    """The layer's ``activation`` applied to ``x``."""
    function = getattr(call.layer.activation, "__name__", str(call.layer.activation))
    if function == "linear":
        return x
    name = f"{call.name}_{function}" if emitter.has(call.name) else call.name
    if function in _OPERATORS:
        return emitter.emit(_OPERATORS[function], name, (x,))
    if function in ("silu", "swish"):
        gate = emitter.emit("LOGISTIC", f"{call.name}_sigmoid", (x,))
        return emitter.emit("MUL", name, (x, gate))
    if function == "leaky_relu":
        return _leaky(emitter, name, x, _DEFAULT_LEAK)
    raise call.refusal(f"activation {function!r} has no int8 operator", f"use one of {_KNOWN}")


def _activation(emitter: Emitter, call: Call) -> Tensor:
    return activate(emitter, call, call.input)


def _relu(emitter: Emitter, call: Call) -> Tensor:
    layer = call.layer
    slope = float(layer.negative_slope or 0)
    call.require(
        not layer.threshold and layer.max_value in (None, 6) and not (slope and layer.max_value),
        f"max_value {layer.max_value}, negative_slope {slope}, threshold {layer.threshold} "
        "has no int8 operator",
        "use ReLU(), ReLU(max_value=6) or LeakyReLU",
    )
    if slope:
        return _leaky(emitter, call.name, call.input, slope)
    return emitter.emit("RELU" if layer.max_value is None else "RELU6", call.name, call.inputs)


def _leaky_relu(emitter: Emitter, call: Call) -> Tensor:
    return _leaky(emitter, call.name, call.input, call.layer.negative_slope)


def _leaky(emitter: Emitter, name: str, x: Tensor, slope: Any) -> Tensor:
    # The slope as a model file keeps it, so that a graph equals what is read back from its file.
    return emitter.emit("LEAKY_RELU", name, (x,), alpha=float(np.float32(slope)))


def _softmax(emitter: Emitter, call: Call) -> Tensor:
    axis = call.layer.axis
    call.require(call.is_last(axis), f"softmax over axis {axis}", "put the classes on axis -1")
    return emitter.emit("SOFTMAX", call.name, call.inputs)


LAYERS: dict[str, Callable[[Emitter, Call], Tensor]] = {
    "Activation": _activation,
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "Softmax": _softmax,
}
