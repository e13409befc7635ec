from rewriting import check_rewrite, int8, node, relu

from tinygen.ir import Graph
from tinygen.ops.shapes import scalar_tensor
from tinygen.passes import remove_dead_nodes

X, A, B, C, Y = (int8(name, (4,)) for name in "xabcy")


def test_what_nobody_reads_goes_with_what_only_it_reads():
    nodes = (relu("live", X, Y), relu("dead", X, A), relu("dead too", A, B))
    before = Graph("g", (X,), (Y,), nodes)
    after = remove_dead_nodes.run(before)
    check_rewrite(before, after)
    assert [n.name for n in after.nodes] == ["live"]


def test_one_live_output_keeps_a_node():
    first, second, y = (int8(name, (2,)) for name in ("first", "second", "y"))
    nodes = (
        node("SPLIT", "split", (scalar_tensor("axis", 0), X), (first, second), num_splits=2),
        relu("relu", second, y),
    )
    before = Graph("g", (X,), (y,), nodes)
    assert remove_dead_nodes.run(before).nodes == nodes


def test_unused_inputs_stay():
    before = Graph("g", (X, C), (Y,), (relu("relu", X, Y),))
    check_rewrite(before, remove_dead_nodes.run(before))
