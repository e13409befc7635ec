import numpy as np
from rewriting import check_rewrite, int8, node, relu, reshape

from tinygen.ir import Graph
from tinygen.ops.shapes import scalar_tensor
from tinygen.passes import fold_constants


def constant(name, shape):
    data = np.random.default_rng(1).integers(-128, 128, shape).astype(np.int8)
    return int8(name, shape, data=data)


def test_a_chain_of_constants_becomes_one_constant():
    x, c, r, flat, y = (
        int8("x", (6,)),
        constant("c", (2, 3)),
        int8("r", (2, 3)),
        int8("flat", (6,)),
        int8("y", (6,)),
    )
    nodes = (relu("relu", c, r), reshape("flatten", r, flat), node("ADD", "add", (x, flat), (y,)))
    before = Graph("g", (x,), (y,), nodes)
    after = fold_constants.run(before)
    check_rewrite(before, after)
    assert [n.name for n in after.nodes] == ["add"]
    folded = after.nodes[0].input(1)
    assert folded.is_constant
    assert (folded.name, folded.shape, folded.quantization) == ("flat", (6,), flat.quantization)


def test_every_output_of_a_node_is_folded():
    x, c = int8("x", (2,)), constant("c", (4,))
    first, second, a, y = (int8(name, (2,)) for name in ("first", "second", "a", "y"))
    nodes = (
        node("SPLIT", "split", (scalar_tensor("axis", 0), c), (first, second), num_splits=2),
        node("ADD", "add", (x, second), (a,)),
        node("MUL", "mul", (a, first), (y,)),
    )
    before = Graph("g", (x,), (y,), nodes)
    after = fold_constants.run(before)
    check_rewrite(before, after)
    assert [n.op for n in after.nodes] == ["ADD", "MUL"]


def test_an_output_of_the_graph_is_still_computed():
    x, c, y, z = int8("x", (4,)), constant("c", (4,)), int8("y", (4,)), int8("z", (4,))
    before = Graph("g", (x,), (y, z), (relu("constant", c, y), relu("relu", x, z)))
    after = fold_constants.run(before)
    check_rewrite(before, after)
    assert after.nodes == before.nodes
