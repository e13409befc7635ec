"""A float graph and the ranges of its activations as an int8 graph.

Nothing here knows where the ranges come from: :func:`quantize` takes them from calibration,
quantization-aware training can hand over those it has trained with.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen.compress.backend import keras
from tinygen.compress.bias_correction import corrected
from tinygen.compress.calibrate import calibrate, samples
from tinygen.compress.clipping import best_largest
from tinygen.compress.equalization import equalized
from tinygen.compress.evaluate import evaluate
from tinygen.compress.fold import CHANNEL_AXIS, scale_axis, simplify
from tinygen.compress.lowering import lower
from tinygen.compress.ranges import assign, separate_fixed
from tinygen.compress.scales import quantized_bias, symmetric
from tinygen.errors import ConfigError, ModelError
from tinygen.ir import Graph, Node, Tensor
from tinygen.ops import operator
from tinygen.ops.base import INT8, INT32

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tinygen.compress.scales import Range
    from tinygen.ir import Array, Quantization

_TOLERANCE = 1e-3
_COMPARED = 4


def float_graph(model: Any, name: str) -> Graph:
    """The simplified float graph of a Keras model: what is calibrated, trained and exported.

    Raises ModelError for weights that are not finite, and what :func:`lower` raises.
    """
    graph = lower(model, name)
    for tensor in graph.tensors():
        if tensor.is_constant and not np.isfinite(tensor.constant).all():
            raise ModelError(
                f"model {name!r}: weights {tensor.name!r} hold values that are not finite; "
                "train the model again, with a lower learning rate"
            )
    return separate_fixed(simplify(graph))


def quantize(
    model: Any,
    calibration: Array | Sequence[Array],
    name: str,
    per_channel_dense: bool = False,
    *,
    weight_bits: int = 8,
    calibrator: str = "minmax",
    equalize: bool = False,
    correct_bias: bool = False,
) -> Graph:
    """Post-training quantization of a keras.Model to int8, inputs and outputs included.

    ``calibration`` holds samples of what the model sees, as the model takes them, one array per
    input. ``calibrator`` says how their ranges are made (see :mod:`.calibrate`); ``"mse"`` clips
    weights, too, where that loses less. ``equalize`` and ``correct_bias`` are those of
    :mod:`.equalization` and :mod:`.bias_correction`. With ``weight_bits`` 4, weights are int8
    values from -7 to 7, which take a byte each all the same.

    The result has no tie to Keras; :func:`tinygen.tflite_format.writer.write` makes a
    .tflite file of it. Raises ModelError and UnsupportedError for the model, DataError for the
    calibration data, ConfigError for an option, ToolchainError without TensorFlow.
    """
    check_bits(weight_bits)
    graph = float_graph(model, name)
    inputs = samples(graph, calibration)
    compare(graph, model, inputs)
    if equalize:
        graph = equalized(graph)
    ranges = calibrate(graph, inputs, calibrator)
    largest = {
        node.name: best_largest(
            node.input(1).constant, scale_axis(node, per_channel_dense), weight_bits
        )
        for node in graph.nodes
        if node.op in CHANNEL_AXIS and calibrator == "mse"
    }
    if correct_bias:
        graph = corrected(graph, inputs, ranges, per_channel_dense, weight_bits, largest)
    return to_int8(graph, ranges, per_channel_dense, weight_bits, largest)


def check_bits(weight_bits: int) -> None:
    """Raise ConfigError for weights of a size that there is not."""
    if weight_bits not in (4, 8):
        raise ConfigError(f"weights cannot have {weight_bits} bits; choose 8 or 4")


def to_int8(
    graph: Graph,
    ranges: Mapping[str, Range],
    per_channel_dense: bool = False,
    weight_bits: int = 8,
    largest: Mapping[str, Array] | None = None,
) -> Graph:
    """The int8 graph of a float graph; ``ranges`` by tensor name.

    Weights get one scale per output channel, those of FULLY_CONNECTED one for all unless
    ``per_channel_dense``; with ``weight_bits`` 4 they are int8 values from -7 to 7. ``largest``
    has, by node name, magnitudes that weights are clipped to, one per scale; without an entry
    nothing is clipped. Ranges of tensors that must share one are united; tensors whose
    quantization the operator fixes need none. Raises UnsupportedError where an operator's int8
    form is outside its contract.
    """
    quantizations = assign(graph, ranges)
    # A .tflite file names tensors only: an output carries its layer's name.
    layers = {node.output: node.name for node in graph.nodes}
    stored = {
        tensor: replace(
            tensor,
            name=layers.get(tensor, tensor.name),
            dtype=INT8,
            quantization=quantization,
        )
        for tensor, quantization in quantizations.items()
    }
    nodes = []
    for node in graph.nodes:
        inputs: list[Tensor | None] = [
            stored.get(tensor, tensor) if tensor is not None else None for tensor in node.inputs
        ]
        if node.op in CHANNEL_AXIS:
            inputs[1:] = _weights(
                node,
                quantizations[node.input(0)],
                scale_axis(node, per_channel_dense),
                weight_bits,
                (largest or {}).get(node.name),
            )
        made = node.replace(inputs=tuple(inputs), outputs=(stored[node.output],))
        operator(made.op).check(made)
        nodes.append(made)
    return Graph(
        graph.name,
        tuple(stored[tensor] for tensor in graph.inputs),
        tuple(stored[tensor] for tensor in graph.outputs),
        tuple(nodes),
    )


def _weights(
    node: Node, x: Quantization, axis: int | None, bits: int, largest: Array | None
) -> list[Tensor | None]:
    """Weights and bias of a node as int8 and int32."""
    weights, bias = node.input(1), node.optional_input(2)
    data, quantization = symmetric(
        weights.constant, axis, None if bias is None else bias.constant, x.scale, bits, largest
    )
    kernel = replace(weights, dtype=INT8, data=data, quantization=quantization)
    if bias is None and node.op == "FULLY_CONNECTED":
        return [kernel, None]
    # TFLiteConverter gives every convolution a bias.
    values = np.zeros(len(quantization.scales), np.float32) if bias is None else bias.constant
    data, quantization = quantized_bias(values, x.scale, quantization)
    name = f"{node.name}/bias"
    return [kernel, Tensor(name, data.shape, INT32, quantization, data)]


def compare(graph: Graph, model: Any, inputs: Sequence[Array]) -> None:
    """Refuse to go on where the float graph does not compute what Keras computes."""
    few = [array[:_COMPARED] for array in inputs]
    values = evaluate(graph, few)
    function = keras().Model(model.inputs, model.outputs)
    wanted = keras().tree.flatten(function(few, training=False))
    for tensor, output in zip(graph.outputs, wanted, strict=True):
        expected = output.numpy()
        difference = np.abs(values[tensor].numpy() - expected).max()
        if not difference <= _TOLERANCE * (1 + np.abs(expected).max()):
            raise ModelError(
                f"model {graph.name!r}: output {tensor.name!r} differs from Keras' own by "
                f"{difference:g}; a layer computes something else than its name says, "
                "build the model from layers of keras.layers only"
            )
