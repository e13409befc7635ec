"""Values of a float graph, computed by TensorFlow.

Differentiable in the inputs and in the constants, which may be given as TensorFlow values: what
calibration runs to see ranges, training can run with variables in place of the weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygen.compress.backend import tensorflow
from tinygen.numerics import window_padding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tinygen.ir import Graph, Node, Tensor


def evaluate(
    graph: Graph, inputs: Sequence[Any], constants: Mapping[Tensor, Any] | None = None
) -> dict[Tensor, Any]:
    """TensorFlow values of all activations of a simplified float graph, graph inputs included.

    ``inputs`` has one float32 value per graph input, of shape (samples, *shape[1:]). ``constants``
    takes the place of weights and biases where it has an entry.
    """
    tf = tensorflow()
    values: dict[Tensor, Any] = dict(
        zip(graph.inputs, (tf.convert_to_tensor(x, tf.float32) for x in inputs), strict=True)
    )
    given = constants or {}

    def value(tensor: Tensor | None) -> Any:
        if tensor is None:
            return None
        return given.get(tensor, tensor.data) if tensor.is_constant else values[tensor]

    for node in graph.nodes:
        values[node.output] = compute(node, [value(tensor) for tensor in node.inputs])
    return values


def compute(node: Node, values: list[Any]) -> Any:
    """The TensorFlow value of a node's output, its fused activation included."""
    tf = tensorflow()
    result = OPERATORS[node.op](tf, node, values)
    fused = getattr(node.options, "fused_activation_function", "NONE")
    return result if fused == "NONE" else _ACTIVATIONS[fused](tf, result)


def _with_bias(y: Any, bias: Any) -> Any:
    return y if bias is None else y + bias


def _conv(tf: Any, node: Node, values: list[Any]) -> Any:
    x, kernel, bias = values
    options = node.options
    y = tf.nn.conv2d(
        x,
        tf.transpose(kernel, (1, 2, 3, 0)),
        (options.stride_h, options.stride_w),
        options.padding,
        dilations=(options.dilation_h_factor, options.dilation_w_factor),
    )
    return _with_bias(y, bias)


def _depthwise(tf: Any, node: Node, values: list[Any]) -> Any:
    x, kernel, bias = values
    options = node.options
    _, height, width, channels = node.input(1).shape
    _, rows, columns, depth = node.input(0).shape
    # TensorFlow takes neither two different strides nor a dilation with a stride, so the padding
    # is made beforehand and the stride taken afterwards.
    margins = [
        _margins(size, window, stride, dilation, options.padding)
        for size, window, stride, dilation in (
            (rows, height, options.stride_h, options.dilation_h_factor),
            (columns, width, options.stride_w, options.dilation_w_factor),
        )
    ]
    y = tf.nn.depthwise_conv2d(
        tf.pad(x, ((0, 0), *margins, (0, 0))),
        tf.reshape(kernel, (height, width, depth, channels // depth)),
        (1, 1, 1, 1),
        "VALID",
        dilations=(options.dilation_h_factor, options.dilation_w_factor),
    )
    return _with_bias(y[:, :: options.stride_h, :: options.stride_w], bias)


def _margins(size: int, window: int, stride: int, dilation: int, padding: str) -> tuple[int, int]:
    """Zeros before and after along one axis."""
    if padding == "VALID":
        return 0, 0
    length, before = window_padding(size, window, stride, dilation, padding)
    needed = (length - 1) * stride + (window - 1) * dilation + 1 - size
    return before, max(needed - before, 0)


def _fully_connected(tf: Any, node: Node, values: list[Any]) -> Any:
    x, kernel, bias = values
    return _with_bias(tf.linalg.matmul(x, kernel, transpose_b=True), bias)


def _pool(kind: str) -> Callable[[Any, Node, list[Any]], Any]:
    def pool(tf: Any, node: Node, values: list[Any]) -> Any:
        options = node.options
        return tf.nn.pool(
            values[0],
            (options.filter_height, options.filter_width),
            kind,
            (options.stride_h, options.stride_w),
            options.padding,
        )

    return pool


def _reshape(tf: Any, node: Node, values: list[Any]) -> Any:
    return tf.reshape(values[0], (-1, *node.output.shape[1:]))


def _slice(tf: Any, node: Node, values: list[Any]) -> Any:
    x, begin, size = values
    return tf.slice(x, begin, (-1, *size[1:]))


def _resize(method: str) -> Callable[[Any, Node, list[Any]], Any]:
    return lambda tf, node, values: tf.image.resize(values[0], values[1], method)


_ACTIVATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "RELU": lambda tf, x: tf.nn.relu(x),
    "RELU6": lambda tf, x: tf.nn.relu6(x),
}

OPERATORS: dict[str, Callable[[Any, Node, list[Any]], Any]] = {
    "ADD": lambda tf, node, v: v[0] + v[1],
    "AVERAGE_POOL_2D": _pool("AVG"),
    "CONCATENATION": lambda tf, node, v: tf.concat(v, node.options.axis),
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "HARD_SWISH": lambda tf, node, v: v[0] * tf.nn.relu6(v[0] + 3) / 6,
    "LEAKY_RELU": lambda tf, node, v: tf.nn.leaky_relu(v[0], node.options.alpha),
    "LOGISTIC": lambda tf, node, v: tf.math.sigmoid(v[0]),
    "MAXIMUM": lambda tf, node, v: tf.maximum(v[0], v[1]),
    "MAX_POOL_2D": _pool("MAX"),
    "MEAN": lambda tf, node, v: tf.reduce_mean(v[0], v[1], keepdims=node.options.keep_dims),
    "MINIMUM": lambda tf, node, v: tf.minimum(v[0], v[1]),
    "MUL": lambda tf, node, v: v[0] * v[1],
    "PAD": lambda tf, node, v: tf.pad(v[0], v[1]),
    "QUANTIZE": lambda tf, node, v: v[0],
    "RELU": lambda tf, node, v: tf.nn.relu(v[0]),
    "RELU6": lambda tf, node, v: tf.nn.relu6(v[0]),
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize("bilinear"),
    "RESIZE_NEAREST_NEIGHBOR": _resize("nearest"),
    "SLICE": _slice,
    "SOFTMAX": lambda tf, node, v: tf.nn.softmax(v[0]),
    "SUB": lambda tf, node, v: v[0] - v[1],
    "TANH": lambda tf, node, v: tf.math.tanh(v[0]),
    "TRANSPOSE": lambda tf, node, v: tf.transpose(v[0], v[1]),
}
"""What computes an operator in float, from TensorFlow, the node, and the values of its inputs."""
