"""Sums and products that lie half-way between two outputs, which drawn scales hardly ever make.

An addend that is off by one, or a sign that is forgotten, changes nothing but these.
"""

import shutil

import numpy as np
import pytest
from batching import HELIUM, compile_nodes

from tinygen import reference
from tinygen.cores import core
from tinygen.ir import Node
from tinygen.kernels import kernels
from tinygen.ops import operator
from tinygen.ops.base import quantized
from tinygen.ops.sampling import SeededDraw
from tinygen.verify.host import on_host
from tinygen.verify.target import on_target

OPS = ("ADD", "SUB", "MUL")
KERNELS = [k for k in kernels().values() if k.provider == "tinygen" and k.op in OPS]
SHAPE = (1, 256, 256, 1)
EVERY_PAIR = tuple(values.astype(np.int8).reshape(SHAPE) for values in np.mgrid[-128:128, -128:128])


def halving(op, zero_point):
    """A node whose real output is half of the integer result, or a quarter of a product."""
    a, b = (quantized(name, SHAPE, 1.0, 0) for name in "ab")
    y = quantized("y", SHAPE, 4.0 if op == "MUL" else 2.0, zero_point)
    options = operator(op).sample(SeededDraw(0)).options
    options = type(options)(**{**vars(options), "fused_activation_function": "NONE"})
    return Node(op, f"half_{op.lower()}", (a, b), (y,), options)


@pytest.mark.parametrize("zero_point", [0, 3])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_ties_of_every_pair(kernel, zero_point, monkeypatch):
    helium = kernel in HELIUM
    if helium and shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not installed")
    node, target = halving(kernel.op, zero_point), core("cortex-m55" if helium else "cortex-m4")
    assert kernel.refusal(node, target) is None
    compiled = compile_nodes([(node, kernel)], target, monkeypatch)
    (expected,) = (v for t, v in reference.run(compiled.graph, EVERY_PAIR).items() if t.name == "y")
    exact = {"ADD": np.add, "SUB": np.subtract, "MUL": np.multiply}[kernel.op](
        *(values.astype(int) for values in EVERY_PAIR)
    )
    step = 4 if kernel.op == "MUL" else 2
    assert np.count_nonzero(exact % step == step // 2) > 10_000
    assert len(np.unique(expected)) > 200
    if helium:
        on_target(compiled, [EVERY_PAIR])
    else:
        assert on_host(compiled, [EVERY_PAIR]).values > 0
