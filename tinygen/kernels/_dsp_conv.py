"""What the convolutions for cores with the DSP extension share: tiles and the constant stream.

A tile is two output channels by a few neighbouring pixels, all accumulators in registers. The
stream holds everything a tile needs in the order it is read: two biases, the weights, and the
requantization words of both channels; an odd last channel is a tile of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tinygen.kernels._dsp import (
    Form,
    Requantizer,
    accumulator_bound,
    pair_words,
    paired_bias,
    paired_words,
    pairs_up,
    quad_words,
    requantizer,
)
from tinygen.kernels._requantization import fold_zero_point
from tinygen.kernels.base import Constant
from tinygen.numerics import activation_range
from tinygen.ops.conv_2d import requantization
from tinygen.ops.weights import bias_of

if TYPE_CHECKING:
    from tinygen.ir import Array, Node

Packing = Literal["int16", "int8", "paired"]
"""Weights as int16 at twice their flash, as int8, or as :func:`._dsp.paired_words`."""

UNROLL = 8
"""Steps of an inner loop: enough that its two instructions of overhead vanish in 14 per step."""
FLAT_STEPS = 24
"""Steps of a whole tile up to which it is written out without a loop."""


@dataclass(frozen=True)
class Layer:
    """A convolution whose filter rows are runs of ``run`` values.

    ``weights`` is (channels, rows, run), ``bias`` has the input's zero point folded in, ``bound``
    is the largest magnitude of an accumulator.
    """

    weights: Array
    bias: Array
    scaling: Requantizer
    bound: int

    @property
    def channels(self) -> int:
        """Number of output channels."""
        return int(self.weights.shape[0])


def layer_of(node: Node) -> Layer:
    """The numbers of a CONV_2D node, every tap meeting an input value or the zero point."""
    w = node.input(1).constant
    channels, rows, columns, depth = w.shape
    runs = w.reshape(channels, rows, columns * depth)
    zero_point = node.input(0).quant.zero_point
    sums = runs.sum(axis=(1, 2), dtype=np.int64)
    bias = fold_zero_point(bias_of(node, channels), sums, zero_point)
    multipliers, shifts = requantization(node, channels)
    low, high = activation_range(node.options.fused_activation_function, node.output.quant)
    bound = accumulator_bound(runs.reshape(channels, -1), bias)
    scaling = requantizer(multipliers, shifts, bound, node.output.quant.zero_point, low, high)
    return Layer(runs, bias, scaling, bound)


def packing(layer: Layer, weight_bits: int) -> Packing:
    """How weights of so many bits are stored; where they can be, int8 weights are paired."""
    if weight_bits == 16:
        return "int16"
    return "paired" if pairs_up(layer.weights, layer.bound) else "int8"


def stream(layer: Layer, packed: Packing, *, quads: bool) -> Constant:
    """All constants of a layer in the order in which tiles read them.

    With ``quads`` four neighbouring values of a run are stored as the pairs (0, 2) and (1, 3),
    which is how SXTB16 widens activations; without, as (0, 1) and (2, 3), and an odd run ends
    with a zero weight. Weights that are not int16 are always stored by four.
    """
    # Twice the weights and the bias give the doubled accumulator for free; int8 has no room.
    factor = 2 if layer.scaling.doubled and packed == "int16" else 1
    flat = layer.weights.reshape(layer.channels, -1)
    if packed == "int16":
        words = wide_words(layer.weights * np.int64(factor), quads=quads)
    else:
        words = paired_words(flat) if packed == "paired" else quad_words(flat)
    bias = paired_bias(layer.bias, flat) if packed == "paired" else layer.bias.astype(np.int64)
    parts: list[Array] = []
    for first in range(0, layer.channels, 2):
        pair = slice(first, min(first + 2, layer.channels))
        parts.append(bias[pair] * factor)
        parts.append(words[pair].T.reshape(-1))
        parts.append(layer.scaling.parameters[pair].reshape(-1))
    data = np.concatenate(parts).astype(np.int32)
    return Constant("stream", data, f"biases, {packed} weights, requantization")


def wide_words(weights: Array, *, quads: bool) -> Array:
    """Words of two weights per channel, (channels, words), rows one after the other."""
    channels, rows, run = weights.shape
    if quads:
        four = weights.reshape(channels, rows, run // 4, 4)
        even, odd = four[..., 0:2], four[..., 2:4]
        return pair_words(even, odd).reshape(channels, -1)
    padded = np.pad(weights, ((0, 0), (0, 0), (0, run % 2)))
    return pair_words(padded[..., 0::2], padded[..., 1::2]).reshape(channels, -1)


SUMS: dict[Packing, tuple[str, str]] = {
    "int16": ("%s", "%s"),
    "int8": ("%s", "2 * %s"),
    "paired": ("%s >> 8", "%s >> 7"),
}
"""What requantization takes, from an accumulator, singly and doubled."""


def tile(layer: Layer, packed: Packing, *, aligned: bool, **geometry: Any) -> dict[str, Any]:
    """What the template's tile macros need.

    ``geometry`` holds ``pixel_stride``, the int16 values from one pixel to the next, and
    ``row_words``, the words from one filter row to the next.
    """
    _, rows, run = layer.weights.shape
    steps = -(-run // 2) if packed == "int16" else run // 4
    return {
        "packed": packed,
        "aligned": aligned,
        "rows": rows,
        "overlapping": geometry["pixel_stride"] < run,
        "flat": rows * steps <= FLAT_STEPS,
        "run_steps": steps,
        "unroll": _unroll(steps, UNROLL // 2 if packed == "int8" else UNROLL),
        "sum": SUMS[packed][layer.scaling.doubled],
        "output_stride": layer.channels,
        **layer.scaling.context,
        **geometry,
    }


_STEP: dict[Packing, tuple[int, int]] = {"int16": (1, 3), "int8": (5, 6), "paired": (3, 6)}
"""Instructions of a step of two channels, and more of it per pixel."""
OUTPUT: dict[Form, int] = {"relu": 4, "round": 6, "general": 30}


def tile_cycles(tile: dict[str, Any], pixels: int, block: int, channels: int) -> float:
    """Instructions for a row of so many pixels in tiles of ``block``, as measured on Cortex-M4."""
    fixed, per_pixel = _STEP[tile["packed"]]
    per_output = OUTPUT[tile["form"]] + (tile["sum"] != "%s")
    passes = tile["rows"] * max(1, tile["run_steps"] // tile["unroll"])
    loops = 0 if tile["flat"] or passes == 1 else passes

    def one(pixels: int) -> float:
        steps = tile["rows"] * tile["run_steps"] * (fixed + per_pixel * pixels)
        return float(steps + 10 * loops + 2 * pixels * per_output + 16)

    whole, rest = divmod(pixels, block)
    return -(-channels // 2) * (whole * one(block) + (one(rest) if rest else 0))


def block_pixels(pixels: int, packed: Packing) -> int:
    """Pixels of a tile for rows of so many pixels.

    A step costs one load per channel, and one load and two multiplications per pixel; the split
    with the lowest sum wins, then the one that needs no second tile for a rest.
    """
    most = 3 if packed == "int8" else 4

    def cost(block: int) -> tuple[int, int]:
        whole, rest = divmod(pixels, block)
        return whole * (2 + 3 * block) + (2 + 3 * rest if rest else 0), rest

    return min(range(min(most, pixels), 0, -1), key=cost)


def _unroll(steps: int, most: int) -> int:
    """Steps per loop body: an even split where there is one, so that no tail is left."""
    if steps <= most * 2:
        return steps
    divisors = [n for n in range(most // 2 + 1, most * 3 // 2 + 1) if steps % n == 0]
    return max(divisors, default=most)
