"""Many drawn nodes in one graph, so that one compilation proves them all."""

import dataclasses

from tinygen import compiler
from tinygen.ir import Graph
from tinygen.kernels import kernels
from tinygen.memory.plan import ArenaPlan
from tinygen.ops import operator
from tinygen.ops.sampling import SeededDraw
from tinygen.selection import Selection

HELIUM = [kernel for kernel in kernels().values() if kernel.name.endswith("_mve")]
"""tinygen's kernels that run on Helium alone."""


def drawn_nodes(kernels, seeds, core):
    """Nodes drawn by the operators of these kernels, each with the kernel, which accepts it."""
    nodes = []
    for kernel in kernels:
        for seed in seeds:
            node = operator(kernel.op).sample(SeededDraw(seed))
            if kernel.refusal(node, core) is None:
                nodes.append((distinct(node, f"{kernel.name}_{seed}"), kernel))
    return nodes


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


def side_by_side(buffers, *_):
    """A plan in which nothing overlaps: the best arena for unrelated nodes takes long to find."""
    offsets, end = {}, 0
    for buffer in buffers:
        offsets[buffer.name] = -(-end // buffer.alignment) * buffer.alignment
        end = offsets[buffer.name] + buffer.nbytes
    return ArenaPlan(offsets, end, end, optimal=False)


def compile_nodes(nodes, core, monkeypatch):
    """One network of unrelated nodes, pairs of a node and its kernel; no pass touches them."""
    chosen = {node.name: kernel for node, kernel in nodes}
    monkeypatch.setattr(compiler, "plan_arena", side_by_side)
    monkeypatch.setattr(compiler.passes, "apply", lambda graph: graph)
    monkeypatch.setattr(
        compiler,
        "arrange",
        lambda graph, core, *_, **__: (
            graph,
            Selection(tuple(chosen[n.name].implement(n, core) for n in graph.nodes)),
        ),
    )
    inputs = dict.fromkeys(tensor for node, _ in nodes for tensor in node.activations)
    outputs = tuple(tensor for node, _ in nodes for tensor in node.outputs)
    graph = Graph("drawn", tuple(inputs), outputs, tuple(node for node, _ in nodes))
    return compiler.compile_graph(graph, core)
