"""What kernels share that are one function for layers of all shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels.base import Constant, Field, constant
from tinygen.numerics import activation_range

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Array, Node
    from tinygen.ops.windows import Window


def pace(core: Core, plain: float, armv6m: float) -> float:
    """What a loop takes on a core over what was measured of it on Cortex-M4.

    ``plain`` and ``armv6m`` are that ratio on Cortex-M3 and on Cortex-M0+, from exact counts of
    instructions.
    """
    if core.dsp:
        return 1.0
    return plain if core.mainline else armv6m


def constants(
    weights: Array, layout: str, bias: Array, multipliers: Array, shifts: Array
) -> tuple[Constant, ...]:
    """Weights as the model has them, and 9 bytes per output channel."""
    return (
        Constant("weights", weights, layout),
        Constant("bias", bias.astype(np.int32), "bias"),
        Constant("multipliers", multipliers.astype(np.int32), "requantization multipliers"),
        Constant("shifts", shifts.astype(np.int8), "requantization shifts, to the left"),
    )


def weighted_fields(node: Node) -> tuple[Field, ...]:
    """Members that every weighted layer has."""
    low, high = activation_range(node.options.fused_activation_function, node.output.quant)
    return (
        Field("weights", "int8_t", constant("weights"), ""),
        Field("bias", "int32_t", constant("bias"), "one per output channel"),
        Field("multipliers", "int32_t", constant("multipliers"), "Q0.31"),
        Field("shifts", "int8_t", constant("shifts"), "powers of two, left is positive"),
        Field("zero_point", "int8_t", node.input(0).quant.zero_point, "of the input"),
        Field("output_zero_point", "int8_t", node.output.quant.zero_point, ""),
        Field("low", "int8_t", low, "smallest output"),
        Field("high", "int8_t", high, "largest output"),
    )


def window_fields(node: Node, window: Window) -> tuple[Field, ...]:
    """Members of a layer with a sliding window."""
    _, height, width, channels = node.input(0).shape
    return (
        Field("in_height", "uint16_t", height, "pixels"),
        Field("in_width", "uint16_t", width, "pixels"),
        Field("in_channels", "uint16_t", channels, ""),
        Field("out_height", "uint16_t", window.out_height, "pixels"),
        Field("out_width", "uint16_t", window.out_width, "pixels"),
        Field("pad_top", "uint16_t", window.pad_top, "pixels above the input"),
        Field("pad_left", "uint16_t", window.pad_left, "pixels before the input"),
        Field("height", "uint8_t", window.height, "of the window, in taps"),
        Field("width", "uint8_t", window.width, "of the window, in taps"),
        Field("stride_h", "uint8_t", window.stride_h, "pixels"),
        Field("stride_w", "uint8_t", window.stride_w, "pixels"),
        Field("dilation_h", "uint8_t", window.dilation_h, "pixels from tap to tap"),
        Field("dilation_w", "uint8_t", window.dilation_w, "pixels from tap to tap"),
    )


def too_large(fields: tuple[Field, ...]) -> str | None:
    """Why a record cannot hold a layer; None if it can."""
    wrong = next((field for field in fields if not field.fits), None)
    return (
        None
        if wrong is None
        else f"its {wrong.name} of {wrong.value} does not fit into {wrong.ctype}"
    )
