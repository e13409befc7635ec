"""The order of execution: against all orders there are, and never worse when it is planned."""

import itertools

import numpy as np
import pytest
from rewriting import check_rewrite, int8, node, relu

from tinygen.choice.ordering import _Steps, order_for_memory
from tinygen.compiler import compile_graph
from tinygen.cores import core
from tinygen.ir import Graph
from tinygen.kernels.base import Implementation, Overlap
from tinygen.ops.sampling import stimuli
from tinygen.ops.shapes import integer_tensor
from tinygen.verify.host import on_host

CORE = core("cortex-m4")


def drawn(seed, count=7):
    """A graph of sums and slices of one row, of tensors of many sizes, in any order that works."""
    rng = np.random.default_rng(seed)
    x = int8("x", (1, 40))
    values, nodes = [x], []
    for i in range(count):
        a = values[rng.integers(len(values))]
        same = [v for v in values if v.shape == a.shape and v is not a]
        if same and rng.random() < 0.5:
            y = int8(f"t{i}", a.shape)
            nodes.append(node("ADD", f"n{i}", (a, same[rng.integers(len(same))]), (y,)))
        elif rng.random() < 0.5:
            y = int8(f"t{i}", (1, 2 * a.shape[1]))
            nodes.append(node("CONCATENATION", f"n{i}", (a, a), (y,), axis=1))
        else:
            width = int(rng.choice([w for w in (5, 10, 20, 40) if w <= a.shape[1]]))
            y = int8(f"t{i}", (1, width))
            box = integer_tensor("begin", (0, 0)), integer_tensor("size", (1, width))
            nodes.append(node("SLICE", f"n{i}", (a, *box), (y,)))
        values.append(y)
    read = {t for n in nodes for t in n.inputs}
    return Graph("g", (x,), tuple(v for v in values if v not in read), tuple(nodes))


def offers(made):
    """In place or not, with scratch memory that depends on the node."""
    scratch = 8 * (len(made.name) + made.output.nbytes % 3)
    return [
        Implementation(None, {}, (), scratch_bytes=scratch, overlaps=(Overlap(),)),
        Implementation(None, {}, (), scratch_bytes=scratch // 4),
    ]


def orders(graph):
    """All orders in which every node finds what it reads."""
    for order in itertools.permutations(range(len(graph.nodes))):
        there = {*graph.inputs, *(t for n in graph.nodes for t in n.inputs if t.is_constant)}
        for i in order:
            if not there.issuperset(graph.nodes[i].inputs):
                break
            there.update(graph.nodes[i].outputs)
        else:
            yield order


@pytest.mark.parametrize("seed", range(8))
def test_no_order_is_better(seed):
    graph = drawn(seed, count=6)
    found = order_for_memory(graph, offers)
    check_rewrite(graph, found)
    steps = _Steps(graph, offers)
    smallest = min(steps.largest(order) for order in orders(graph))
    assert steps.largest([graph.nodes.index(n) for n in found.nodes]) == smallest
    if steps.largest(range(len(graph.nodes))) == smallest:
        assert found is graph
    assert order_for_memory(graph, offers).nodes == found.nodes


def wide_branches(count=3):
    """Branches that are wide in the middle, all of them opened before one is closed."""
    x = int8("x", (1, 1, 64))
    nodes, ends = [], []
    for i in range(count):
        wide, flat = int8(f"wide{i}", (1, 20, 64)), int8(f"flat{i}", (1, 1, 64))
        nodes.append(node("CONCATENATION", f"open{i}", (x,) * 20, (wide,), axis=1))
        ends.append((wide, flat))
    for i, (wide, flat) in enumerate(ends):
        axes = integer_tensor("axes", (1,))
        nodes.append(node("MEAN", f"close{i}", (wide, axes), (flat,), keep_dims=True))
    y = int8("y", (1, count, 64))
    flats = tuple(flat for _, flat in ends)
    nodes.append(node("CONCATENATION", "join", flats, (y,), axis=1))
    return Graph("branches", (x,), (y,), tuple(nodes))


@pytest.mark.parametrize("objective", ["latency", "ram", "flash"])
def test_branches_are_computed_one_after_the_other(objective, monkeypatch):
    graph = wide_branches()
    compiled = compile_graph(graph, CORE, objective=objective)
    assert compiled.plan.nbytes < 1.5 * 20 * 64
    opened = [n.name for n in compiled.graph.nodes]
    assert opened.index("close0") < opened.index("open2")
    inputs = [tuple(values) for values in stimuli(graph.inputs, 0, 2)]
    assert on_host(compiled, inputs).values > 0
    monkeypatch.setattr("tinygen.arrangement.order_for_memory", lambda graph, _: graph)
    given = compile_graph(graph, CORE, objective=objective)
    assert given.plan.nbytes > 2 * compiled.plan.nbytes
    cycles = [sum(i.cycles for i in c.selection.implementations) for c in (compiled, given)]
    assert cycles[0] <= cycles[1]


@pytest.mark.parametrize("seed", range(20, 26))
def test_never_a_larger_arena(seed, monkeypatch):
    graph = drawn(seed, count=8)
    chosen = compile_graph(graph, CORE)
    again = compile_graph(graph, CORE)
    assert chosen.files == again.files
    monkeypatch.setattr("tinygen.arrangement.order_for_memory", lambda graph, _: graph)
    assert chosen.plan.nbytes <= compile_graph(graph, CORE).plan.nbytes


def test_a_chain_asks_no_kernel_for_anything():
    x, a, y = (int8(name, (4,)) for name in "xay")
    chain = Graph("g", (x,), (y,), (relu("one", x, a), relu("two", a, y)))
    assert order_for_memory(chain, lambda _: pytest.fail("there is only one order")) is chain


def test_out_of_steps_leaves_an_order_that_is_good_enough():
    graph = wide_branches(12)
    found = order_for_memory(graph, offers, most_steps=3)
    check_rewrite(graph, found)
    steps = _Steps(graph, offers)
    given = steps.largest(range(len(graph.nodes)))
    assert steps.largest([graph.nodes.index(n) for n in found.nodes]) < given / 4
