"""The inputs that CMSIS-NN's routine for one row of pixels is chosen for, or refused."""

import itertools

from batching import distinct

from tinygen.ir import Node
from tinygen.ops import operator
from tinygen.ops.base import draw_quantized, quantized
from tinygen.ops.conv_2d import Conv2DOptions
from tinygen.ops.sampling import SeededDraw
from tinygen.ops.weights import draw_weights


def row_convolutions():
    """Convolutions along one row, at every small width, window, stride and padding."""
    cases = itertools.product(range(1, 10), range(2, 6), (1, 2, 3), ("SAME", "VALID"))
    for seed, (width, span, stride, padding) in enumerate(cases):
        if padding == "VALID" and span > width:
            continue
        draw = SeededDraw(seed)
        x = draw_quantized(draw, "input", (1, 1, width, 4))
        inputs = (x, *draw_weights(draw, x, (3, 1, span, 4), axis=0))
        options = Conv2DOptions(padding=padding, stride_w=stride)
        node = Node("CONV_2D", "row", inputs, (quantized("output", (), 1.0, 0),), options)
        y = draw_quantized(draw, "output", operator("CONV_2D").shapes(node)[0])
        yield distinct(node.replace(outputs=(y,)), f"row_{seed}")
