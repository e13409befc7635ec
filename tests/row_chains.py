"""Chains of convolutions, as they are computed row by row."""

from rewriting import int8, node

from tinygen.ir import Node
from tinygen.ops import operator
from tinygen.ops.conv_2d import Conv2DOptions
from tinygen.ops.depthwise_conv_2d import DepthwiseConv2DOptions
from tinygen.ops.sampling import SeededDraw
from tinygen.ops.weights import draw_weights


def layer(number, x, channels, kernel, stride=1, padding="SAME", dilation=1):
    """A convolution of ``channels``; a depthwise one where that is None."""
    draw = SeededDraw(number)
    depth, names = x.shape[3], f"layer_{number}"
    geometry = {"padding": padding, "stride_h": stride, "stride_w": stride}
    geometry |= {"dilation_h_factor": dilation, "dilation_w_factor": dilation}
    if channels is None:
        weights = draw_weights(draw, x, (1, kernel, kernel, depth), axis=3)
        op, options = "DEPTHWISE_CONV_2D", DepthwiseConv2DOptions(**geometry)
    else:
        weights = draw_weights(draw, x, (channels, kernel, kernel, depth), axis=0)
        op, options = "CONV_2D", Conv2DOptions(**geometry)
    made = Node(op, names, (x, *weights), (x,), options)
    y = int8(f"t{number}", operator(op).shapes(made)[0], 0.5, number)
    return made.replace(outputs=(y,))


def chain(x, *layers):
    nodes = []
    for number, arguments in enumerate(layers):
        nodes.append(layer(number, nodes[-1].output if nodes else x, *arguments))
    return nodes


def summed(number, x, side, first=False):
    """The sum of ``x`` and ``side``, which comes first where asked."""
    y = int8(f"t{number}", x.shape, 0.5, number)
    return node("ADD", f"layer_{number}", (side, x) if first else (x, side), (y,))
