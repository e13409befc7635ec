"""Kernels that are one function for layers of all shapes."""

import contextlib
import dataclasses

import numpy as np
import pytest
from batching import compile_nodes, distinct, drawn_nodes
from drawing import with_wide_scales

from tinygen.cores import core
from tinygen.errors import UnsupportedError
from tinygen.ir import Graph
from tinygen.kernels import kernels
from tinygen.kernels.base import Field, constant
from tinygen.ops import operator
from tinygen.ops.sampling import SeededDraw, stimuli
from tinygen.selection import select
from tinygen.verify.host import on_host
from tinygen.verify.target import on_target

CORE = core("cortex-m3")
COMPACT = [kernel for kernel in kernels().values() if kernel.name.endswith("_compact")]


def test_layers_of_all_shapes_share_one_function(monkeypatch):
    nodes = drawn_nodes(COMPACT, range(6), CORE)
    compiled = compile_nodes(nodes, CORE, monkeypatch)
    assert {layer.function for layer in compiled.layers} == {kernel.name for kernel in COMPACT}
    assert len({n.output.shape for n, _ in nodes}) > len(COMPACT)


def wide(op, seeds):
    """Drawn nodes with scales from far apart, as far as their operator takes them."""
    rng = np.random.default_rng(3)
    for seed in seeds:
        node = with_wide_scales(operator(op).sample(SeededDraw(seed)), rng)
        with contextlib.suppress(UnsupportedError):
            operator(op).check(node)
            yield distinct(node, f"n{seed}")


@pytest.mark.parametrize("kernel", COMPACT, ids=lambda kernel: kernel.name)
def test_scales_that_shift_to_the_left(kernel, monkeypatch):
    nodes = [(node, kernel) for node in wide(kernel.op, range(12))]
    compiled = compile_nodes(nodes, CORE, monkeypatch)
    constants = [c for i in compiled.selection.implementations for c in i.constants]
    assert max(c.data.max() for c in constants if c.role == "shifts") > 0
    inputs = [tuple(values) for values in stimuli(compiled.graph.inputs, 5, 3)]
    assert on_host(compiled, inputs).values
    assert on_target(compiled, inputs[:2]).comparison.values


def test_a_record_holds_what_its_types_hold():
    assert Field("depth", "uint16_t", 65535, "").fits
    assert not Field("depth", "uint16_t", 65536, "").fits
    assert not Field("zero_point", "int8_t", -129, "").fits
    assert Field("bias", "int32_t", constant("bias"), "").nbytes == 4
    assert Field("depth", "uint16_t", 1, "").nbytes == 2


def test_a_layer_that_does_not_fit_is_left_to_other_kernels():
    node = operator("DEPTHWISE_CONV_2D").sample(SeededDraw(1))
    wide = node.replace(options=dataclasses.replace(node.options, stride_w=300))
    kernel = kernels()["depthwise_conv_2d_compact"]
    assert kernel.refusal(node, CORE) is None
    assert "stride_w of 300 does not fit into uint8_t" in kernel.refusal(wide, CORE)


def test_flash_takes_one_function_where_layers_differ():
    """One alone may be cheaper specialised; many of different shapes never are."""
    nodes = [
        distinct(node, f"n{i}")
        for i, (node, _) in enumerate(drawn_nodes(COMPACT[:1], range(9), CORE))
    ]
    inputs = tuple(tensor for node in nodes for tensor in node.activations)
    graph = Graph("drawn", inputs, tuple(t for n in nodes for t in n.outputs), tuple(nodes))
    chosen = select(graph, CORE, "tinygen", "flash", cmsis_nn=False).implementations
    assert {i.kernel.name for i in chosen} == {COMPACT[0].name}
