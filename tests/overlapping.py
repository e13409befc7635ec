"""Networks whose outputs lie over their inputs as closely as the kernels allow."""

from dataclasses import replace

from batching import drawn_nodes

from tinygen import compiler
from tinygen.cores import core
from tinygen.ir import Graph
from tinygen.memory.lifetimes import lifetimes
from tinygen.memory.plan import ArenaPlan
from tinygen.ops.sampling import stimuli
from tinygen.selection import Selection
from tinygen.verify.host import on_host

CORE = core("cortex-m4")
ALIGNMENT = 4


def promises(kernel, seeds, core=CORE):
    """(node, implementation, overlap) for overlaps of drawn nodes, at most one per node."""
    found = []
    for number, (node, _) in enumerate(drawn_nodes([kernel], seeds, core)):
        # Elided nodes would not run, and their promise would not be put to the test.
        chosen = replace(kernel.implement(node, core), elides=False)
        usable = [o for o in chosen.overlaps if node.inputs.count(node.input(o.input)) == 1]
        usable = [o for o in usable if not node.input(o.input).is_constant]
        if usable:
            found.append((node, chosen, usable[number % len(usable)]))
    return found


def aligned(offset):
    return -(-offset // ALIGNMENT) * ALIGNMENT


def closest(node, overlap, base, names):
    """Offsets from ``base`` on, that overlap as far as allowed, and the end of what they take."""
    under, over = node.input(overlap.input), node.outputs[overlap.output]
    gap = 0 if overlap.same_start else aligned(overlap.distance)
    offsets = {names[over]: base + max(-gap, 0), names[under]: base + max(gap, 0)}
    end = base + abs(gap) + max(over.nbytes, under.nbytes)
    for tensor in (*node.activations, *node.outputs):
        if tensor is not under and tensor is not over:
            offsets[names[tensor]] = aligned(end)
            end = aligned(end) + tensor.nbytes
    return offsets, aligned(end)


def prove_closest(drawn, monkeypatch, core=CORE):
    """Compile the nodes into one network with these overlaps, and compare it with numpy."""
    nodes = tuple(node for node, _, _ in drawn)
    chosen = [implementation for _, implementation, _ in drawn]
    inputs = tuple(tensor for node in nodes for tensor in node.activations)
    graph = Graph("overlaps", inputs, tuple(t for n in nodes for t in n.outputs), nodes)
    alive = lifetimes(graph, chosen)
    offsets, end = {}, 0
    for node, _, overlap in drawn:
        placed, end = closest(node, overlap, end, alive.tensors)
        offsets |= placed
    for name in alive.scratch.values():
        offsets[name] = end
        end += aligned(next(b.nbytes for b in alive.buffers if b.name == name))
    monkeypatch.setattr(compiler.passes, "apply", lambda graph: graph)
    selection = Selection(tuple(chosen))
    monkeypatch.setattr(compiler, "arrange", lambda graph, *_, **__: (graph, selection))
    monkeypatch.setattr(compiler, "plan_arena", lambda *_: ArenaPlan(offsets, end, end, False))
    compiled = compiler.compile_graph(graph, core)
    return on_host(compiled, [tuple(given) for given in stimuli(graph.inputs, 11, 3)])
