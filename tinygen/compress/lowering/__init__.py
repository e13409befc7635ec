"""A Keras model as a float graph: which TFLite operators compute what its layers compute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygen.compress.backend import keras
from tinygen.compress.lowering import activations, linear, merging, shaping
from tinygen.compress.lowering.emitter import Call, Emitter, stored_shape
from tinygen.errors import ModelError
from tinygen.ir import Graph, Shape, Tensor
from tinygen.ops.base import FLOAT32

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LAYERS: dict[str, Callable[[Emitter, Call], Tensor]] = {
    **activations.LAYERS,
    **linear.LAYERS,
    **merging.LAYERS,
    **shaping.LAYERS,
}
"""What lowers a layer, by the layer's class name."""


def lower(model: Any, name: str) -> Graph:
    """The float graph (see :mod:`~tinygen.compress.lowering.emitter`) of a Keras model.

    ``model`` is a functional or Sequential keras.Model with fixed input shapes. Graph inputs and
    outputs have Keras' shapes, with a batch of one. Raises ModelError for a model that is not a
    graph of layers, UnsupportedError that names the layer and says what to do.
    """
    function = _function(model, name)
    emitter = Emitter()
    inputs = []
    for symbolic in function.inputs:
        inputs.append(
            Tensor(emitter.unique(symbolic.name), _shape(symbolic, "the model's input"), FLOAT32)
        )
    values = [emitter.reshape(f"{x.name}_reshape", x, stored_shape(x.shape)) for x in inputs]
    outputs = []
    for value, symbolic in zip(_run(emitter, function, values), function.outputs, strict=True):
        shape = _shape(symbolic, "the model's output")
        outputs.append(emitter.reshape(f"{value.name}_reshape", value, shape))
    return Graph(name, tuple(inputs), tuple(outputs), tuple(emitter.nodes))


def supported() -> list[str]:
    """Class names of the layers that can be lowered, in alphabetical order."""
    return sorted(LAYERS)


def _function(model: Any, name: str) -> Any:
    """The model as a graph of layers."""
    if not model.built or not getattr(model, "inputs", None):
        raise ModelError(
            f"model {name!r} has no graph of layers (a subclassed or unbuilt model); build it "
            "with the functional API or as a Sequential that begins with an Input"
        )
    return keras().Model(model.inputs, model.outputs)


def _run(emitter: Emitter, function: Any, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Lower every layer in execution order; ``inputs`` and the result are stored values.

    Keras has no public way to walk a model's graph; its own call walks ``_nodes_by_depth`` so.
    """
    values = dict(zip(map(id, function.inputs), inputs, strict=True))
    for depth in sorted(function._nodes_by_depth, reverse=True):
        for node in function._nodes_by_depth[depth]:
            if node.is_input:
                continue
            taken = [values[id(symbolic)] for symbolic in node.input_tensors]
            for symbolic, value in zip(
                node.outputs, _lower_node(emitter, node, taken), strict=True
            ):
                values[id(symbolic)] = value
    return [values[id(symbolic)] for symbolic in function.outputs]


def _lower_node(emitter: Emitter, node: Any, inputs: list[Tensor]) -> list[Tensor]:
    layer = node.operation
    if isinstance(layer, keras().Model):
        return _run(emitter, _function(layer, layer.name), inputs)
    where = f"layer {layer.name!r}"
    call = Call(
        layer,
        tuple(inputs),
        tuple(_shape(symbolic, where) for symbolic in node.input_tensors),
        _shape(node.outputs[0], where),
    )
    kind = type(layer).__name__
    if kind not in LAYERS or not type(layer).__module__.startswith("keras."):
        raise call.refusal(
            "it has no int8 operator", f"replace it; supported are {', '.join(supported())}"
        )
    precision = getattr(layer, "compute_dtype", "float32")
    call.require(
        precision == "float32", f"it computes in {precision}", "set its dtype policy to float32"
    )
    if not isinstance(layer, keras().Layer):
        # x + y and keras.ops make these; those that merge take their arguments like the layers.
        call.require(
            kind in merging.LAYERS and len(node.arguments._flat_arguments) == len(inputs),
            "it is an operation outside a layer",
            "use the layer of keras.layers that does the same, Rescaling for a constant factor",
        )
    return [LAYERS[kind](emitter, call)]


def _shape(symbolic: Any, where: str) -> Shape:
    """The shape of a symbolic value, for a batch of one."""
    shape = (1, *symbolic.shape[1:])
    if None in shape:
        raise ModelError(
            f"{where} has shape {tuple(symbolic.shape)}, which is not fixed; "
            "build the model with an Input whose shape has only numbers"
        )
    return tuple(int(size) for size in shape)
