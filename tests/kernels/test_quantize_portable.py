"""Floats that random inputs do not hit: halves, neighbours of halves, infinities, NaN."""

import itertools

import numpy as np
from batching import compile_nodes

from tinygen.cores import core
from tinygen.ir import Node, Tensor
from tinygen.kernels import kernels
from tinygen.ops.base import FLOAT32, quantized
from tinygen.verify.host import on_host

CORE = core("cortex-m4")


def difficult_floats(scale):
    """Multiples of half a step around the int8 range, their neighbours, and special values."""
    halves = (np.arange(-600, 601) / 2).astype(np.float32) * np.float32(scale)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e30, -1e30, 1e-40], np.float32)
    below, above = (np.nextafter(halves, np.float32(end)) for end in (-np.inf, np.inf))
    return np.concatenate([halves, below, above, special]).astype(np.float32)


def test_difficult_floats(monkeypatch):
    nodes, given = [], []
    for scale, zero_point in itertools.product((1.0, 0.1, 0.0078125), (-128, -3, 127)):
        values = difficult_floats(scale)
        name = f"quantize_{len(nodes)}"
        x = Tensor(f"{name}_x", values.shape, FLOAT32)
        y = quantized(f"{name}_y", values.shape, scale, zero_point)
        nodes.append((Node("QUANTIZE", name, (x,), (y,)), kernels()["quantize_portable"]))
        given.append(values)
    compiled = compile_nodes(nodes, CORE, monkeypatch)
    assert on_host(compiled, [tuple(given)]).values == sum(values.size for values in given)
