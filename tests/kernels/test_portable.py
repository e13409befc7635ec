"""Every portable kernel against numpy: drawn nodes, compiled for the host under sanitizers."""

import dataclasses

import pytest

from tinygen import compiler
from tinygen.cores import core
from tinygen.ir import Graph
from tinygen.kernels import kernels
from tinygen.ops import operator
from tinygen.ops.sampling import SeededDraw, stimuli
from tinygen.verify.host import on_host

KERNELS = [kernel for kernel in kernels().values() if kernel.provider == "tinygen"]
CORE = core("cortex-m0")


def drawn_graph(kernel, seeds):
    """Nodes that the kernel accepts, side by side in one graph; inputs may be overwritten."""
    nodes = []
    for seed in seeds:
        node = operator(kernel.op).sample(SeededDraw(seed))
        if kernel.refusal(node, CORE) is None:
            nodes.append(distinct(node, f"layer_{seed}"))
    inputs = dict.fromkeys(tensor for node in nodes for tensor in node.activations)
    outputs = tuple(tensor for node in nodes for tensor in node.outputs)
    return Graph("drawn", tuple(inputs), outputs, tuple(nodes))


def distinct(node, name):
    """The node with names of its own for itself and its activations."""
    renamed = {
        tensor: tensor
        if tensor is None or tensor.is_constant
        else dataclasses.replace(tensor, name=f"{name}_{tensor.name}")
        for tensor in (*node.inputs, *node.outputs)
    }
    return node.replace(
        name=name,
        inputs=tuple(renamed[tensor] for tensor in node.inputs),
        outputs=tuple(renamed[tensor] for tensor in node.outputs),
    )


def compiled_by(kernel, graph, monkeypatch):
    """The graph as it is, each node computed by this kernel."""
    monkeypatch.setattr(compiler.passes, "apply", lambda graph: graph)
    monkeypatch.setattr(
        compiler,
        "select",
        lambda graph, core, *_, **__: [kernel.implement(node, core) for node in graph.nodes],
    )
    return compiler.compile_graph(graph, CORE)


def prove(kernel, seeds, monkeypatch):
    compiled = compiled_by(kernel, drawn_graph(kernel, seeds), monkeypatch)
    inputs = [tuple(values) for values in stimuli(compiled.graph.inputs, seeds[0], 3)]
    return on_host(compiled, inputs)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_kernel_equals_numpy(kernel, monkeypatch):
    assert prove(kernel, range(12), monkeypatch).values > 0


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_kernel_equals_numpy_on_many(kernel, monkeypatch):
    # Small programs: packing many tensors that all live at once takes the planner minutes.
    for first in range(100, 340, 12):
        assert prove(kernel, range(first, first + 12), monkeypatch).values > 0
