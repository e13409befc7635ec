"""Reshapes cost nothing: no code, and no second buffer where their input is read later."""

import numpy as np
import pytest
from rewriting import int8, node, relu, reshape

from tinygen.compiler import compile_graph
from tinygen.cores import core
from tinygen.ir import Graph
from tinygen.memory.lifetimes import activations
from tinygen.ops.sampling import stimuli
from tinygen.verify.host import on_host

X, A, P, Q = (int8(name, (1, 4, 6)) for name in "xapq")
VIEW, Y = int8("view", (24,)), int8("y", (24,))


def branching(view):
    """x -> a, read as a view by one layer and after that as it is by another."""
    nodes = (relu("first", X, A), view, relu("one", view.output, Y), relu("two", A, Q))
    return Graph("g", (X,), (Y, Q), nodes)


def test_a_view_shares_the_buffer_of_what_it_shows():
    found = activations(branching(reshape("view", A, VIEW)))
    assert found.tensors[VIEW] == found.tensors[A] == "a"
    assert [b.name for b in found.buffers] == ["x", "a", "y", "q"]
    # The layer that reads the view does not end the buffer; the one that reads the tensor does.
    assert found.dying == ((X,), (), (), (A,))


def test_the_last_reader_may_read_the_view():
    view = reshape("view", A, VIEW)
    nodes = (relu("first", X, A), view, relu("two", A, Q), relu("one", VIEW, Y))
    assert activations(Graph("g", (X,), (Y, Q), nodes)).dying == ((X,), (), (), (VIEW,))
    both = node("ADD", "both", (A, int8("again", A.shape)), (Q,))
    chain = (relu("first", X, A), view, reshape("back", VIEW, both.input(1)), both)
    found = activations(Graph("g", (X,), (Q,), chain))
    assert found.tensors[both.input(1)] == "a"
    assert len(found.dying[3]) == 1


def test_outputs_of_the_graph_are_places_of_their_own():
    nodes = (relu("first", X, A), reshape("view", A, VIEW))
    found = activations(Graph("g", (X,), (A, VIEW), nodes))
    assert found.tensors[VIEW] == "view"


def drawn(seed):
    """A graph of views, and of layers that would like to write over what they read."""
    rng = np.random.default_rng(seed)
    shapes = [(1, 4, 6), (24,), (2, 12)]
    values, nodes = [X], []
    for i in range(14):
        x, y = values[rng.integers(len(values))], int8(f"t{i}", shapes[rng.integers(3)])
        same = [v for v in values if v.shape == x.shape]
        kind = rng.integers(3)
        if kind == 0:
            nodes.append(reshape(f"n{i}", x, y))
        elif kind == 1:
            nodes.append(relu(f"n{i}", x, y := int8(f"t{i}", x.shape)))
        else:
            other = same[rng.integers(len(same))]
            y = int8(f"t{i}", x.shape, scale=0.07)
            nodes.append(node("ADD", f"n{i}", (x, other), (y,)))
        values.append(y)
    read = {t for n in nodes for t in n.inputs}
    return Graph("g", (X,), tuple(v for v in values if v not in read), tuple(nodes))


@pytest.mark.parametrize("objective", ["latency", "ram"])
@pytest.mark.parametrize("seed", [2, 5])
def test_networks_of_views_give_the_same_bytes(seed, objective):
    graph = drawn(seed)
    compiled = compile_graph(graph, core("cortex-m4"), objective=objective)
    inputs = [tuple(values) for values in stimuli(graph.inputs, seed, 3)]
    assert on_host(compiled, inputs).values > 0
    inner = [n for n in compiled.graph.nodes if n.op == "RESHAPE" and n.output not in graph.outputs]
    assert len(inner) > 2
    assert not {n.name for n in inner} & {layer.node.name for layer in compiled.executed}
