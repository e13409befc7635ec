"""CONV_2D nodes that the Winograd kernels compute."""

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


def drawn(seed):
    """A 3x3 convolution of any size and padding; every third has nothing but -128 as weights."""
    draw = SeededDraw(seed)
    padding = draw.choice(("SAME", "VALID"))
    least = 1 if padding == "SAME" else 3
    height, width = draw.integer(least, 14), draw.integer(least, 14)
    depth, channels = 4 * draw.integer(1, 11), 2 * draw.integer(1, 6)
    x = draw_quantized(draw, "input", (1, height, width, depth))
    w, *bias = draw_weights(draw, x, (channels, 3, 3, depth), axis=0)
    if seed % 3 == 0:
        w = dataclasses.replace(w, data=np.full_like(w.constant, -128))
    options = Conv2DOptions(padding=padding, fused_activation_function=draw.choice(ACTIVATIONS))
    inputs = (x, w, *bias)
    node = Node("CONV_2D", "conv", inputs, (quantized("output", (), 1.0, 0),), options)
    # Outputs that use their range, so that an error in a sum is seen.
    scale = x.quant.scale * max(w.quant.scales) * 128 * np.sqrt(9 * depth) * draw.real(0.1, 4.0)
    y = quantized("output", operator("CONV_2D").shapes(node)[0], scale, draw.integer(-128, 127))
    return node.replace(outputs=(y,))


def batch(seeds, core):
    """Pairs of drawn nodes and kernels that compute them, under names of their own."""
    nodes = ((drawn(seed), seed, kernel) for kernel in KERNELS for seed in seeds)
    return [
        (distinct(node, f"{kernel.name}_{seed}"), kernel)
        for node, seed, kernel in nodes
        if kernel.refusal(node, core) is None
    ]
