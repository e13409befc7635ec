"""Layers with weights: convolutions, dense layers, and per-channel scaling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen.compress.backend import tensorflow
from tinygen.compress.lowering.activations import activate
from tinygen.compress.lowering.emitter import AFFINE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygen.compress.lowering.emitter import Call, Emitter
    from tinygen.ir import Array, Tensor


def _geometry(call: Call) -> dict[str, Any]:
    """Options that convolutions of all kinds share. A 1-D one is a 2-D one of one row."""
    layer = call.layer
    call.require_channels_last()
    stride_h, stride_w = (1, *layer.strides)[-2:]
    dilation_h, dilation_w = (1, *layer.dilation_rate)[-2:]
    return {
        "padding": "SAME" if layer.padding == "same" else "VALID",
        "stride_h": stride_h,
        "stride_w": stride_w,
        "dilation_h_factor": dilation_h,
        "dilation_w_factor": dilation_w,
    }


def _bias(emitter: Emitter, call: Call) -> Tensor | None:
    layer = call.layer
    return emitter.constant(f"{call.name}/bias", layer.bias) if layer.use_bias else None


def _as_image(kernel: Any) -> Array:
    """A kernel (height, width, in, out); that of a 1-D convolution has one row."""
    array = np.asarray(kernel, np.float32)
    return array[np.newaxis] if array.ndim == 3 else array


def _after_causal_padding(emitter: Emitter, call: Call) -> Tensor:
    """The input; for a causal convolution with as many zeros before it as the kernel looks back."""
    layer = call.layer
    if layer.padding != "causal":
        return call.input
    before = (layer.kernel_size[0] - 1) * layer.dilation_rate[0]
    return emitter.pad(f"{call.name}_pad", call.input, (0, 0), (before, 0))


def _conv(emitter: Emitter, call: Call) -> Tensor:
    groups = call.layer.groups
    call.require(
        groups == 1,
        f"a convolution in {groups} groups has no int8 operator",
        "use DepthwiseConv2D, or one convolution per group",
    )
    x = _after_causal_padding(emitter, call)
    kernel = _as_image(call.layer.kernel).transpose(3, 0, 1, 2)
    return _finish(emitter, call, "CONV_2D", x, kernel, **_geometry(call))


def _depthwise(emitter: Emitter, call: Call) -> Tensor:
    kernel = _depthwise_filter(call.layer.kernel)
    multiplier = call.layer.depth_multiplier
    return _finish(
        emitter,
        call,
        "DEPTHWISE_CONV_2D",
        call.input,
        kernel,
        depth_multiplier=multiplier,
        **_geometry(call),
    )


def _depthwise_filter(kernel: Any) -> Array:
    array = _as_image(kernel)
    height, width, depth, multiplier = array.shape
    return array.reshape(1, height, width, depth * multiplier)


def _separable(emitter: Emitter, call: Call) -> Tensor:
    layer, name = call.layer, f"{call.name}_depthwise"
    kernel = emitter.constant(f"{name}/kernel", _depthwise_filter(layer.depthwise_kernel))
    x = emitter.emit(
        "DEPTHWISE_CONV_2D",
        name,
        (_after_causal_padding(emitter, call), kernel, None),
        depth_multiplier=layer.depth_multiplier,
        **_geometry(call),
    )
    return _finish(
        emitter, call, "CONV_2D", x, _as_image(layer.pointwise_kernel).transpose(3, 0, 1, 2)
    )


def _dense(emitter: Emitter, call: Call) -> Tensor:
    weights = np.asarray(call.layer.kernel, np.float32).T
    if len(call.input.shape) == 2:
        return _finish(emitter, call, "FULLY_CONNECTED", call.input, weights)
    # Applied to every position of an image or a sequence it is a 1x1 convolution.
    return _finish(emitter, call, "CONV_2D", call.input, weights[:, np.newaxis, np.newaxis, :])


def _finish(
    emitter: Emitter, call: Call, op: str, x: Tensor, kernel: Array, **options: Any
) -> Tensor:
    """The operator that carries the layer's name and bias, then the layer's activation."""
    weights = emitter.constant(f"{call.name}/kernel", kernel)
    y = emitter.emit(op, call.name, (x, weights, _bias(emitter, call)), **options)
    return activate(emitter, call, y)


def _batch_normalization(emitter: Emitter, call: Call) -> Tensor:
    layer = call.layer
    axis = layer.axis[0] if isinstance(layer.axis, list | tuple) else layer.axis
    call.require(call.is_last(axis), f"it normalizes axis {axis}", "use axis=-1")
    mean = np.asarray(layer.moving_mean, np.float32)
    variance = np.asarray(layer.moving_variance, np.float32)
    # The layer itself computes with this operator; numpy's 1 / sqrt differs in the last bit.
    scale = tensorflow().math.rsqrt(variance + np.float32(layer.epsilon)).numpy()
    if layer.scale:
        scale = scale * np.asarray(layer.gamma)
    beta = np.asarray(layer.beta) if layer.center else np.float32(0)
    return _affine(emitter, call, scale, beta - mean * scale)


def _rescaling(emitter: Emitter, call: Call) -> Tensor:
    return _affine(emitter, call, call.layer.scale, call.layer.offset)


def _normalization(emitter: Emitter, call: Call) -> Tensor:
    layer = call.layer
    mean, variance = np.ravel(layer.mean), np.ravel(layer.variance)
    call.require(
        len(mean) in (1, call.input.shape[-1]) and not layer.invert,
        "it inverts, or normalizes another axis than the last",
        "use axis=-1 without invert",
    )
    # The bound is the layer's own, keras.backend.epsilon().
    scale = 1 / np.maximum(np.sqrt(variance), np.float32(1e-7))
    return _affine(emitter, call, scale, -mean * scale)


def _affine(emitter: Emitter, call: Call, scale: Any, offset: Any) -> Tensor:
    channels = (call.input.shape[-1],)
    vectors = [
        emitter.constant(f"{call.name}/{role}", np.broadcast_to(np.float32(value), channels))
        for role, value in (("scale", scale), ("offset", offset))
    ]
    return emitter.emit(AFFINE, call.name, (call.input, *vectors))


LAYERS: dict[str, Callable[[Emitter, Call], Tensor]] = {
    "Conv2D": _conv,
    "Conv1D": _conv,
    "DepthwiseConv2D": _depthwise,
    "DepthwiseConv1D": _depthwise,
    "SeparableConv2D": _separable,
    "SeparableConv1D": _separable,
    "Dense": _dense,
    "BatchNormalization": _batch_normalization,
    "Rescaling": _rescaling,
    "Normalization": _normalization,
}
