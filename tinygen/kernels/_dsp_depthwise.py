"""What kernels for depthwise convolutions on cores with the DSP extension have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels._dsp import Requantizer, accumulator_bound, requantizer
from tinygen.kernels._requantization import fold_zero_point
from tinygen.numerics import activation_range
from tinygen.ops.depthwise_conv_2d import requantization, window
from tinygen.ops.weights import bias_of

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Array, Node

FILTER = 3


def refusal_3x3(node: Node, core: Core) -> str | None:
    """Why a kernel for one 3x3 filter per channel does not take a node; None if it may."""
    if not core.dsp or core.mve:
        return "the core has no DSP extension, or Helium, which is faster"
    geometry, filter_shape = window(node), node.input(1).shape
    if (geometry.height, geometry.width) != (FILTER, FILTER):
        return "the filter is not 3x3"
    if filter_shape[3] != node.input(0).shape[3]:
        return "the depth multiplier is not 1"
    if (geometry.dilation_h, geometry.dilation_w) != (1, 1):
        return "the filter is dilated"
    return None


def folded_3x3(node: Node) -> tuple[Array, Array, Requantizer]:
    """Filters (3, 3, channels) as int64, biases with the zero point in them, requantization."""
    x = node.input(0)
    channels = x.shape[3]
    weights = node.input(1).constant[0].astype(np.int64)
    bias = fold_zero_point(bias_of(node, channels), weights.sum(axis=(0, 1)), x.quant.zero_point)
    low, high = activation_range(node.options.fused_activation_function, node.output.quant)
    scaling = requantizer(
        *requantization(node),
        accumulator_bound(weights.reshape(FILTER * FILTER, channels).T, bias),
        node.output.quant.zero_point,
        low,
        high,
    )
    return weights, bias, scaling
