"""A chain that became a table, from the pass to the object code."""

from rewriting import int8, node, relu

from tinygen.compiler import compile_graph
from tinygen.cores import core
from tinygen.ir import Graph
from tinygen.ops.sampling import stimuli
from tinygen.verify.host import on_host
from tinygen.verify.target import on_target


def test_a_merged_chain_runs_as_one_function():
    x, a, y = (
        int8(name, (1, 7, 9), scale) for name, scale in (("x", 0.05), ("a", 0.1), ("y", 0.1))
    )
    nodes = (relu("first", x, a), node("HARD_SWISH", "second", (a,), (y,)))
    compiled = compile_graph(Graph("g", (x,), (y,), nodes), core("cortex-m4"))
    assert [layer.function for layer in compiled.executed] == ["table_portable_63"]
    inputs = [tuple(values) for values in stimuli(compiled.graph.inputs, 0, 3)]
    assert on_host(compiled, inputs).values == 6 * 63
    assert on_target(compiled, inputs).comparison.values == 6 * 63
