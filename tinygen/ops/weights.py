"""Constants that operators with weights share: a symmetric int8 filter and an int32 bias."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Array, Node, Quantization, Shape, Tensor
from tinygen.numerics import INT32_MAX, quantize_multiplier
from tinygen.ops.base import INT8, INT32, Draw, Operator

if TYPE_CHECKING:
    from collections.abc import Sequence


def require_weights(op: Operator, node: Node, rank: int, axis: int) -> None:
    """Refuse a filter (input 1) or a bias (input 2) that is not the constant int8 case.

    ``axis`` is the filter's axis of output channels, along which it may have scales.
    """
    w = node.input(1)
    op.require(
        node,
        w.is_constant and w.dtype == INT8 and len(w.shape) == rank and w.size > 0,
        f"the filter is not a constant int8 tensor of {rank} dimensions",
        "export the model with constant int8 weights",
    )
    channels = w.shape[axis]
    op.require(
        node,
        w.quantization is not None
        and all(zero_point == 0 for zero_point in w.quant.zero_points)
        and len(w.quant.scales) in (1, channels)
        and (not w.quant.per_channel or w.quant.axis == axis),
        "the filter is not symmetrically quantized per tensor or per output channel",
        "quantize it with zero point 0",
    )
    bias = node.optional_input(2)
    op.require(
        node,
        bias is None or (bias.is_constant and bias.dtype == INT32 and bias.shape == (channels,)),
        f"the bias is not a constant int32 vector of {channels} values",
        "export the model with constant int32 biases",
    )
    # A product of a centred input and a weight is at most 255 |w|; 256 covers sums in which bias
    # and zero point have been put together, too.
    others = tuple(i for i in range(rank) if i != axis)
    sums = np.abs(w.constant.astype(np.int64)).sum(axis=others)
    largest = int((np.abs(bias_of(node, channels)) + 256 * sums).max())
    op.require(
        node,
        largest <= INT32_MAX,
        f"its sums may reach {largest}, which overflows their 32 bits",
        "use smaller biases or fewer weights per output",
    )


def bias_of(node: Node, channels: int) -> Array:
    """The bias as int64, zeros where there is none."""
    bias = node.optional_input(2)
    return np.zeros(channels, np.int64) if bias is None else bias.constant.astype(np.int64)


def channel_factors(node: Node, channels: int) -> list[float]:
    """Requantization factor of every output channel.

    Input scale times filter scale over output scale, in double precision (TFLite
    ``PopulateConvolutionQuantizationParams``).
    """
    x, w, y = node.input(0).quant, node.input(1).quant, node.output.quant
    scales = w.scales if w.per_channel else w.scales * channels
    return [x.scale * scale / y.scale for scale in scales]


def split_factors(factors: Sequence[float]) -> tuple[Array, Array]:
    """Multipliers and shifts of these factors, as int64."""
    pairs = [quantize_multiplier(factor) for factor in factors]
    return np.array([m for m, _ in pairs], np.int64), np.array([s for _, s in pairs], np.int64)


def draw_weights(draw: Draw, x: Tensor, shape: Shape, axis: int) -> tuple[Tensor, ...]:
    """A filter of this shape, per tensor or per channel, and mostly a bias."""
    channels = shape[axis]
    count = draw.choice((1, channels))
    scales = tuple(draw.real(0.001, 0.02) for _ in range(count))
    zeros = (0,) * count
    w = Tensor(
        "filter", shape, INT8, Quantization(scales, zeros, axis), draw.array(shape, -128, 127, INT8)
    )
    if not draw.integer(0, 4):
        return (w,)
    bias_scales = tuple(float(np.float32(x.quant.scale * scale)) for scale in scales)
    limit = draw.choice((20_000, 20_000, 2_000_000))
    values = draw.array((channels,), -limit, limit, INT32)
    return w, Tensor("bias", (channels,), INT32, Quantization(bias_scales, zeros), values)
