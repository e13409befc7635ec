"""Chains of convolutions by rows: cases that are drawn seldom, and whole compilations."""

import re
from dataclasses import replace

import pytest
from batching import compile_nodes, distinct
from overlapping import prove_closest
from rewriting import int8
from row_chains import chain, layer, summed

from tinygen.choice.search import Limits
from tinygen.compiler import compile_graph
from tinygen.cores import core
from tinygen.errors import UnsupportedError
from tinygen.ir import Graph
from tinygen.kernels import kernels
from tinygen.ops import operator
from tinygen.ops.own.fused_rows import fused
from tinygen.ops.sampling import stimuli
from tinygen.verify.host import on_host
from tinygen.verify.target import on_target

CORE = core("cortex-m4")
FAST, LEAN = (kernels()[name] for name in ("fused_rows_fast", "fused_rows_lean"))


def block():
    """A network whose middle is far larger than its ends."""
    x = int8("x", (1, 24, 24, 8))
    nodes = chain(x, (48, 1), (None, 3), (8, 1), (4, 1))
    return Graph("block", (x,), (nodes[-1].output,), tuple(nodes))


@pytest.mark.parametrize(
    "layers",
    [
        [(16, 1), (None, 3, 2), (8, 1)],
        [(4, 3), (4, 5, 1, "VALID"), (4, 3, 2)],
        [(8, 3, 2), (8, 3, 1, "SAME", 2)],
        [(4, 1, 3), (12, 3, 3)],
        [(None, 5)],
    ],
    ids=["inverted_bottleneck", "growing_windows", "dilated", "strided", "alone"],
)
def test_closest_to_the_input(layers, monkeypatch):
    node = distinct(fused(chain(int8("x", (1, 15, 16, 4)), *layers)), "chain")
    assert FAST.refusal(node, CORE) is None
    chosen = FAST.implement(node, CORE)
    assert prove_closest([(node, chosen, chosen.overlaps[0])], monkeypatch).values > 0


@pytest.mark.parametrize("last", [False, True], ids=["in_the_middle", "at_the_end"])
@pytest.mark.parametrize("first", [False, True], ids=["second", "first"])
def test_closest_to_what_a_sum_adds(last, first, monkeypatch):
    start = chain(int8("x", (1, 11, 12, 4)), (8, 3), (None, 3))
    side = int8("side", start[-1].output.shape)
    nodes = [*start, summed(2, start[-1].output, side, first)]
    if not last:
        nodes += [layer(3, nodes[-1].output, 16, 3, 2)]
    made = fused(nodes)
    assert FAST.refusal(made, CORE) is None
    chosen = FAST.implement(made, CORE)
    assert {overlap.input for overlap in chosen.overlaps} == {0, 1}
    drawn = [
        (distinct(made, f"chain_{i}"), chosen, overlap) for i, overlap in enumerate(chosen.overlaps)
    ]
    assert prove_closest(drawn, monkeypatch).values > 0


@pytest.mark.slow
def test_a_residual_block_needs_one_tensor_and_lines():
    """The output takes the place of the input, which the sum reads again."""
    nodes = chain(int8("x", (1, 16, 16, 16), 0.5, 0), (16, 3), (16, 3), (16, 3))
    nodes = [*nodes, summed(3, nodes[-1].output, nodes[0].output)]
    nodes += [layer(4, nodes[-1].output, 4, 1)]
    graph = Graph("residual", (nodes[0].input(0),), (nodes[-1].output,), tuple(nodes))
    small = compile_graph(graph, CORE, kernels="tinygen", objective="ram")
    chains = [n.options.nodes for n in small.graph.nodes if n.op == "FUSED_ROWS"]
    assert any(nodes[3] in layers for layers in chains)
    assert small.plan.nbytes < 1.6 * nodes[0].output.nbytes
    inputs = [tuple(values) for values in stimuli(graph.inputs, 0, 2)]
    assert on_host(small, inputs).values > 0
    assert on_target(small, inputs).comparison.values > 0


def test_the_distance_leaves_rows_that_are_not_yet_read():
    """Rows of the output are twice as large as those of the input, and made a row later."""
    node = fused(chain(int8("x", (1, 15, 16, 4)), (16, 1), (None, 3), (8, 1)))
    (overlap,) = FAST.implement(node, CORE).overlaps
    # Output row y is 128 bytes and needs input rows up to y + 1; row y + 2 of 64 is read next.
    assert overlap.distance == max((y + 1) * 128 - (y + 2) * 64 for y in range(13))


def test_memory_is_lines_and_one_row_of_a_kernel():
    node = fused(block().nodes[:3])
    chosen = LEAN.implement(node, CORE)
    lines = 3 * 26 * 48 + 24 * 48
    scratch = max(call.scratch_bytes for call in chosen.calls)
    assert chosen.scratch_bytes == lines + scratch
    assert chosen.scratch_bytes < node.options.nodes[0].output.nbytes / 4


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ([(3, 3), (4, 3)], "rows of the input of layer 'layer_1' are no whole words"),
        ([(4, 3), (1, 1)], "the rows of its output are no whole words"),
        ([(4, 3), (4, 1, 2)], "layer 'layer_1' skips rows"),
    ],
)
def test_refusals(layers, reason):
    node = fused(chain(int8("x", (1, 7, 7, 4)), *layers))
    assert reason in FAST.refusal(node, CORE)


def test_only_chains_of_convolutions_are_fused():
    first, second = chain(int8("x", (1, 7, 7, 4)), (4, 3), (4, 3))
    stranger = layer(5, int8("z", (1, 7, 7, 4)), 4, 3)
    itself = summed(6, first.output, first.output)
    for nodes in ([second, first], [first, stranger], [first, itself]):
        with pytest.raises(UnsupportedError, match="no chain of convolutions and sums"):
            fused(nodes)


def test_the_smallest_arena_needs_no_tensor_between():
    graph = block()
    plain = compile_graph(graph, CORE, kernels="tinygen")
    small = compile_graph(graph, CORE, kernels="tinygen", objective="ram")
    assert "FUSED_ROWS" not in {node.op for node in plain.graph.nodes}
    assert "FUSED_ROWS" in {node.op for node in small.graph.nodes}
    assert small.plan.optimal
    assert small.plan.nbytes < plain.plan.nbytes / 3
    inputs = [tuple(values) for values in stimuli(graph.inputs, 0, 2)]
    assert on_host(small, inputs).values > 0
    assert on_target(small, inputs).comparison.values > 0


def test_functions_of_rows_are_shared(monkeypatch):
    """Two equal chains are one function with those that it calls, and records of their own."""
    layers = ((16, 1), (None, 3), (8, 1))
    nodes = [fused(chain(int8("x", (1, 12, 12, 4)), *layers)) for _ in range(2)]
    drawn = [(distinct(node, f"chain_{i}"), FAST) for i, node in enumerate(nodes)]
    compiled = compile_nodes(drawn, CORE, monkeypatch)
    first, second = compiled.layers
    assert (first.function, first.calls) == (second.function, second.calls)
    text = compiled.files["network.c"]
    for name in (first.function, *first.calls):
        assert len(re.findall(rf"^static .*\b{name}\(", text, re.MULTILINE)) == 1
    inputs = [tuple(values) for values in stimuli(compiled.graph.inputs, 0, 1)]
    assert on_target(compiled, inputs).comparison.values > 0


def test_a_limit_of_memory_is_met_at_the_fewest_cycles():
    graph = block()
    plain = compile_graph(graph, CORE, kernels="tinygen")
    limit = Limits(ram=plain.plan.nbytes // 2)
    limited = compile_graph(graph, CORE, kernels="tinygen", limits=limit)
    small = compile_graph(graph, CORE, kernels="tinygen", objective="ram")
    assert limited.plan.nbytes <= limit.ram
    cycles = [sum(i.cycles for i in c.selection.implementations) for c in (limited, small)]
    assert cycles[0] <= cycles[1]


def test_a_fused_node_computes_what_its_layers_do():
    nodes = chain(int8("x", (1, 9, 9, 4)), (8, 3, 2), (None, 3))
    node = fused(nodes)
    assert node.name == "layer_0 to layer_1"
    assert operator("FUSED_ROWS").macs(node) == sum(operator(n.op).macs(n) for n in nodes)
    assert replace(node.output, name="t1").shape == (1, 5, 5, 8)
