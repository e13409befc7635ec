"""Small models for tests of everything that reads .tflite files, and a way to damage them."""

import struct
from functools import cache

import numpy as np
import tflite

from tinygen.ir import Graph, Node, Quantization, Tensor
from tinygen.ops import operator, operators
from tinygen.ops.base import INT8, INT32, quantized
from tinygen.ops.conv_2d import Conv2DOptions
from tinygen.ops.sampling import SeededDraw
from tinygen.tflite_format.writer import write


def conv(name, x, channels, seed=0, activation="RELU", kernel=3):
    """A CONV_2D node that keeps height and width; its output is called as converters do."""
    rng = np.random.default_rng(seed)
    depth = x.shape[3]
    scales = tuple(float(np.float32(s)) for s in rng.uniform(0.001, 0.01, channels))
    filters = Tensor(
        f"model/{name}/Conv2D",
        (channels, kernel, kernel, depth),
        INT8,
        Quantization(scales, (0,) * channels, 0),
        rng.integers(-127, 128, (channels, kernel, kernel, depth)).astype(np.int8),
    )
    bias = Tensor(
        f"model/{name}/BiasAdd/ReadVariableOp/resource",
        (channels,),
        INT32,
        Quantization(tuple(float(np.float32(x.quant.scale * s)) for s in scales), (0,) * channels),
        rng.integers(-2000, 2000, channels).astype(np.int32),
    )
    shape = (*x.shape[:3], channels)
    y = quantized(f"model/{name}/Relu;model/{name}/BiasAdd;model/{name}/Conv2D1", shape, 0.05, -7)
    options = Conv2DOptions("SAME", 1, 1, activation)
    return Node("CONV_2D", name, (x, filters, bias), (y,), options)


def two_convs():
    """input -> conv1 -> conv2 -> output."""
    x = quantized("input_1", (1, 5, 4, 2), 0.02, 3)
    first = conv("conv1", x, 3, seed=1)
    second = conv("conv2", first.output, 2, seed=2)
    return Graph("two_convs", (x,), (second.output,), (first, second))


@cache
def operator_samples():
    """The bytes of a one-layer model per operator, each with a batch of 1."""
    found = {}
    for name in operators():
        for seed in range(200):
            node = operator(name).sample(SeededDraw(seed))
            if all(len(t.shape) < 2 or t.shape[0] == 1 for t in node.activations):
                graph = Graph(name.lower(), node.activations, node.outputs, (node,))
                found[name] = write(graph)
                break
    return found


def subgraph(data):
    """The accessor of the only subgraph."""
    return tflite.Model.GetRootAsModel(data, 0).Subgraphs(0)


def patch(data, table, slot, code, value):
    """``data`` with one number in a table replaced, which the table must hold already."""
    offset = table._tab.Offset(4 + 2 * slot)
    assert offset, "the field is not in the file"
    return splice(data, table._tab.Pos + offset, code, value)


def patch_element(data, table, slot, index, code, value):
    """``data`` with one element of a table's vector of numbers replaced."""
    offset = table._tab.Offset(4 + 2 * slot)
    assert offset, "the field is not in the file"
    start = table._tab.Vector(offset)
    return splice(data, start + index * struct.calcsize(code), code, value)


def splice(data, position, code, value):
    """``data`` with a number written over what stands at ``position``."""
    changed = bytearray(data)
    struct.pack_into(code, changed, position, value)
    return bytes(changed)
