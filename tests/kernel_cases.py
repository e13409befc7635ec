"""Nodes from the stated domain of every kernel, plain and extreme: the cases of the kernel matrix.

The domain is what a kernel does not refuse. Nodes are drawn by the operator, and where those seldom
are of a kernel's kind, by a source of its own. A kernel is for a core if it takes any of the nodes
there that it takes on some core.
"""

import contextlib
import dataclasses
from functools import cache

import numpy as np
from batching import distinct
from convolutions import convolution
from drawing import with_powers_of_two, with_wide_scales

from tinygen.cores import CORES
from tinygen.errors import UnsupportedError
from tinygen.ir import Node
from tinygen.ops import operator
from tinygen.ops.base import ACTIVATIONS, draw_quantized, quantized
from tinygen.ops.depthwise_conv_2d import DepthwiseConv2DOptions
from tinygen.ops.own.fused_rows import fused
from tinygen.ops.sampling import SeededDraw
from tinygen.ops.weights import draw_weights

LARGEST_BIAS = 1 << 24
DRAWS = 400
"""Nodes that are drawn before a kernel counts as one without cases."""


def convolutions(seed):
    """Square filters of every small size, on channels of every count, rounded and not."""
    size = (3, 1, 3, 2, 3, 5)[seed % 6]
    return convolution(seed, size, (4, 1, 2)[seed % 3], (2, 1, 4)[seed % 3], -127 + seed % 2)


def depthwise_convolutions(seed):
    """3x3 filters without dilation, one for each channel."""
    draw = SeededDraw(seed)
    padding = draw.choice(("SAME", "VALID"))
    least = 1 if padding == "SAME" else 3
    shape = (1, draw.integer(least, 12), draw.integer(least, 12), draw.integer(1, 20))
    x = draw_quantized(draw, "input", shape)
    stride = draw.integer(1, 2 + seed % 2)
    options = DepthwiseConv2DOptions(
        padding=padding,
        stride_h=stride,
        stride_w=stride,
        fused_activation_function=draw.choice(ACTIVATIONS),
    )
    inputs = (x, *draw_weights(draw, x, (1, 3, 3, shape[3]), axis=3))
    node = Node(
        "DEPTHWISE_CONV_2D", "depthwise", inputs, (quantized("output", (), 1.0, 0),), options
    )
    y = draw_quantized(draw, "output", operator(node.op).shapes(node)[0])
    return node.replace(outputs=(y,))


TARGETED = {"CONV_2D": convolutions, "DEPTHWISE_CONV_2D": depthwise_convolutions}


def saturated(node, seed):
    """All weights lowest, all highest, or alternating; the bias that goes with them, or against."""
    if node.op == "FUSED_ROWS":
        return fused([saturated(inner, seed + i) for i, inner in enumerate(node.options.nodes)])

    def change(tensor):
        if tensor is None or not tensor.is_constant or tensor.quantization is None:
            return tensor
        limits = np.iinfo(tensor.dtype)
        low, high = max(limits.min, -LARGEST_BIAS), min(limits.max, LARGEST_BIAS)
        if tensor.dtype != np.int8 and seed % 2:
            low, high = high, low
        board = np.indices(tensor.shape).sum(axis=0) % 2
        kinds = (np.full(tensor.shape, low), np.full(tensor.shape, high))
        data = (*kinds, np.where(board, *kinds))[seed % 3]
        return dataclasses.replace(tensor, data=data.astype(tensor.dtype))

    return node.replace(inputs=tuple(map(change, node.inputs)))


def rescaled(node, seed):
    """Multipliers and shifts of all sizes, to the left as well; those of a chain stay.

    Every second node has powers of two, which make ties of many products.
    """
    if node.op == "FUSED_ROWS":
        return node
    wide = with_wide_scales(node, np.random.default_rng(seed))
    return with_powers_of_two(wide) if seed % 2 else wide


CHANGES = {"saturated": saturated, "rescaled": rescaled}
KINDS = ("plain", *CHANGES)


@cache
def _drawn(op, seed):
    """Pairs of a kind and a node that its operator accepts: drawn, targeted, and changed ones."""
    sources = [operator(op).sample(SeededDraw(seed))]
    sources += [TARGETED[op](seed)] if op in TARGETED else []
    found = []
    for plain in sources:
        found.append(("plain", plain))
        for kind, change in CHANGES.items():
            # What goes beyond the operator's contract is nobody's domain.
            with contextlib.suppress(UnsupportedError):
                changed = change(plain, seed)
                operator(op).check(changed)
                if (changed.inputs, changed.options) != (plain.inputs, plain.options):
                    found.append((kind, changed))
    return tuple(found)


def cases(kernel, count):
    """By core, up to ``count`` nodes of every kind that a kernel takes there, under unique names.

    Empty for a kernel whose domain no drawn node is in, which is a mistake in this file.
    """
    found = {}
    patience = DRAWS
    for seed in range(DRAWS):
        for number, (kind, node) in enumerate(_drawn(kernel.op, seed)):
            case = distinct(node, f"{kernel.name}_{seed}_{number}")
            for core in CORES.values():
                chosen = found.get(core.name, {kind: []}).setdefault(kind, [])
                if len(chosen) < count and kernel.refusal(node, core) is None:
                    chosen.append(case)
                    found.setdefault(core.name, {})[kind] = chosen
        # A kind that a kernel hardly ever takes is not waited for.
        if all(len(kinds.get("plain", ())) == count for kinds in found.values()) and found:
            patience = min(patience, seed + 4 * count)
        if seed >= patience:
            break
    return {
        name: [case for kind in kinds.values() for case in kind] for name, kinds in found.items()
    }
