"""CONV_2D nodes that drawn ones seldom are: of one filter size and rounded channels."""

import dataclasses

import numpy as np
from batching import distinct

from tinygen.ir import Node
from tinygen.kernels import kernels
from tinygen.ops import operator
from tinygen.ops.base import ACTIVATIONS, draw_quantized, quantized
from tinygen.ops.conv_2d import Conv2DOptions
from tinygen.ops.sampling import SeededDraw
from tinygen.ops.weights import draw_weights

KERNELS = [kernels()[f"conv_2d_dsp_winograd_{size}"] for size in ("2x2", "4x4")]


def convolution(seed, size, depth_unit, channel_unit, lowest=-128):
    """A square filter, stride 1, any padding, no weight below ``lowest``; every third just that."""
    draw = SeededDraw(seed)
    padding = draw.choice(("SAME", "VALID"))
    least = 1 if padding == "SAME" else size
    height, width = draw.integer(least, 14), draw.integer(least, 14)
    depth = depth_unit * draw.integer(1, 44 // depth_unit)
    channels = channel_unit * draw.integer(1, 12 // channel_unit)
    x = draw_quantized(draw, "input", (1, height, width, depth))
    w, *bias = draw_weights(draw, x, (channels, size, size, depth), axis=0)
    values = np.full_like(w.constant, lowest) if seed % 3 == 0 else np.maximum(w.constant, lowest)
    options = Conv2DOptions(padding=padding, fused_activation_function=draw.choice(ACTIVATIONS))
    inputs = (x, dataclasses.replace(w, data=values), *bias)
    node = Node("CONV_2D", "conv", inputs, (quantized("output", (), 1.0, 0),), options)
    # Outputs that use their range, so that an error in a sum is seen.
    scale = x.quant.scale * max(w.quant.scales) * 128 * size * np.sqrt(depth) * draw.real(0.1, 4.0)
    y = quantized("output", operator("CONV_2D").shapes(node)[0], scale, draw.integer(-128, 127))
    return node.replace(outputs=(y,))


def drawn(seed):
    """A convolution for Winograd."""
    return convolution(seed, 3, 4, 2)


def batch(seeds, core):
    """Pairs of these and Winograd kernels that compute them, under names of their own."""
    nodes = ((drawn(seed), seed, kernel) for kernel in KERNELS for seed in seeds)
    return [
        (distinct(node, f"{kernel.name}_{seed}"), kernel)
        for node, seed, kernel in nodes
        if kernel.refusal(node, core) is None
    ]
