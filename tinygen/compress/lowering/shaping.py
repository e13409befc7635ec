"""Layers without weights that move, pool or repeat values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygen.compress.lowering.emitter import Call, Emitter
    from tinygen.ir import Tensor

ROWS, COLUMNS = 1, 2
"""Axes of an image as it lies in the graph; the steps of a sequence are columns."""


def _pair(value: Any, row: Any) -> tuple[Any, Any]:
    """A layer's setting as (rows, columns); a sequence has one row, with this setting."""
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    return (row, values[0]) if len(values) == 1 else (values[0], values[1])


def _pool(op: str) -> Callable[[Emitter, Call], Tensor]:
    def lower(emitter: Emitter, call: Call) -> Tensor:
        layer = call.layer
        call.require_channels_last()
        height, width = _pair(layer.pool_size, 1)
        stride_h, stride_w = _pair(layer.strides or layer.pool_size, 1)
        return emitter.emit(
            op,
            call.name,
            call.inputs,
            padding=layer.padding.upper(),
            stride_h=stride_h,
            stride_w=stride_w,
            filter_height=height,
            filter_width=width,
        )

    return lower


def _global_average(emitter: Emitter, call: Call) -> Tensor:
    call.require_channels_last()
    axes = emitter.integers(f"{call.name}/axes", (ROWS, COLUMNS))
    keep = bool(call.layer.keepdims)
    return emitter.emit("MEAN", call.name, (call.input, axes), keep_dims=keep)


def _global_max(emitter: Emitter, call: Call) -> Tensor:
    call.require_channels_last()
    _, height, width, _ = call.input.shape
    y = emitter.emit(
        "MAX_POOL_2D", call.name, call.inputs, filter_height=height, filter_width=width
    )
    return emitter.reshape(f"{call.name}_reshape", y, call.stored_shape)


def _reshape(emitter: Emitter, call: Call) -> Tensor:
    return emitter.reshape(call.name, call.input, call.stored_shape)


def _permute(emitter: Emitter, call: Call) -> Tensor:
    order = [call.stored_axis(axis) for axis in (0, *call.layer.dims)]
    if len(call.shapes[0]) == 3:
        order.insert(1, ROWS)
    axes = emitter.integers(f"{call.name}/axes", order)
    return emitter.emit("TRANSPOSE", call.name, (call.input, axes))


def _margins(value: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """Margins as ((top, bottom), (left, right)) from those of a 1-D or a 2-D layer."""
    if isinstance(value[0], int):
        return (0, 0), (value[0], value[1])
    return tuple(value[0]), tuple(value[1])


def _zero_padding(emitter: Emitter, call: Call) -> Tensor:
    call.require_channels_last()
    return emitter.pad(call.name, call.input, *_margins(call.layer.padding))


def _cropping(emitter: Emitter, call: Call) -> Tensor:
    call.require_channels_last()
    (top, _), (left, _) = _margins(call.layer.cropping)
    begin = emitter.integers(f"{call.name}/begin", (0, top, left, 0))
    size = emitter.integers(f"{call.name}/size", call.stored_shape)
    return emitter.emit("SLICE", call.name, (call.input, begin, size))


def _up_sampling(emitter: Emitter, call: Call) -> Tensor:
    call.require_channels_last()
    interpolation = getattr(call.layer, "interpolation", "nearest")
    call.require(
        interpolation in ("nearest", "bilinear"),
        f"interpolation {interpolation!r} has no int8 operator",
        "use 'nearest' or 'bilinear'",
    )
    _, height, width, _ = call.stored_shape
    size = emitter.integers(f"{call.name}/size", (height, width))
    op = "RESIZE_BILINEAR" if interpolation == "bilinear" else "RESIZE_NEAREST_NEIGHBOR"
    return emitter.emit(op, call.name, (call.input, size), half_pixel_centers=True)


def _nothing(emitter: Emitter, call: Call) -> Tensor:
    """A layer that acts in training only."""
    return call.input


LAYERS: dict[str, Callable[[Emitter, Call], Tensor]] = {
    "AveragePooling1D": _pool("AVERAGE_POOL_2D"),
    "AveragePooling2D": _pool("AVERAGE_POOL_2D"),
    "MaxPooling1D": _pool("MAX_POOL_2D"),
    "MaxPooling2D": _pool("MAX_POOL_2D"),
    "GlobalAveragePooling1D": _global_average,
    "GlobalAveragePooling2D": _global_average,
    "GlobalMaxPooling1D": _global_max,
    "GlobalMaxPooling2D": _global_max,
    "Flatten": _reshape,
    "Reshape": _reshape,
    "Permute": _permute,
    "ZeroPadding1D": _zero_padding,
    "ZeroPadding2D": _zero_padding,
    "Cropping1D": _cropping,
    "Cropping2D": _cropping,
    "UpSampling1D": _up_sampling,
    "UpSampling2D": _up_sampling,
    "ActivityRegularization": _nothing,
    "AlphaDropout": _nothing,
    "Dropout": _nothing,
    "GaussianDropout": _nothing,
    "GaussianNoise": _nothing,
    "Identity": _nothing,
    "SpatialDropout1D": _nothing,
    "SpatialDropout2D": _nothing,
}
