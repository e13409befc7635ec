import pytest
from rewriting import check_rewrite, int8, node, pad, relu, reshape

from tinygen.ir import Graph
from tinygen.ops.shapes import integer_tensor, scalar_tensor
from tinygen.passes import remove_identities

X, A, B, Y = (int8(name, (1, 2, 3)) for name in "xaby")


def slice_all(x, y):
    tensors = (x, integer_tensor("begin", (0, 0, 0)), integer_tensor("size", (-1, 2, 3)))
    return node("SLICE", "identity", tensors, (y,))


IDENTITIES = {
    "RESHAPE": lambda x, y: reshape("identity", x, y),
    "PAD": lambda x, y: pad("identity", x, y, [(0, 0)] * 3),
    "QUANTIZE": lambda x, y: node("QUANTIZE", "identity", (x,), (y,)),
    "SLICE": slice_all,
    "CONCATENATION": lambda x, y: node("CONCATENATION", "identity", (x,), (y,), axis=1),
}


@pytest.mark.parametrize("op", IDENTITIES)
def test_removed_between_two_layers(op):
    nodes = (relu("first", X, A), IDENTITIES[op](A, B), relu("last", B, Y))
    before = Graph("g", (X,), (Y,), nodes)
    after = remove_identities.run(before)
    check_rewrite(before, after)
    assert [n.name for n in after.nodes] == ["first", "last"]


@pytest.mark.parametrize("op", IDENTITIES)
def test_removed_in_front_of_an_output(op):
    nodes = (relu("first", X, A), IDENTITIES[op](A, Y))
    before = Graph("g", (X,), (Y,), nodes)
    after = remove_identities.run(before)
    check_rewrite(before, after)
    assert [n.name for n in after.nodes] == ["first"]


def test_a_chain_is_removed_with_its_other_readers():
    nodes = (
        relu("first", X, A),
        reshape("one", A, B),
        reshape("two", B, int8("c", (1, 2, 3))),
        reshape("three", B, Y),
    )
    z = int8("z", (1, 2, 3))
    nodes = (*nodes, node("ADD", "add", (A, nodes[2].output), (z,)))
    before = Graph("g", (X,), (Y, z), nodes)
    after = remove_identities.run(before)
    check_rewrite(before, after)
    assert [n.name for n in after.nodes] == ["first", "add"]


def test_inputs_and_outputs_stay_places_of_their_own():
    before = Graph("g", (X,), (Y,), (reshape("only", X, Y),))
    assert remove_identities.run(before).nodes == before.nodes
    before = Graph("g", (X,), (A, Y), (relu("relu", X, A), reshape("copy", A, Y)))
    after = remove_identities.run(before)
    check_rewrite(before, after)
    assert after.nodes == before.nodes


@pytest.mark.parametrize(
    "kept",
    [
        reshape("kept", X, int8("y", (1, 2, 3), scale=0.1)),
        reshape("kept", X, int8("y", (2, 3))),
        node("QUANTIZE", "kept", (X,), (int8("y", (1, 2, 3), zero_point=0),)),
        pad("kept", X, int8("y", (1, 2, 4)), [(0, 0), (0, 0), (0, 1)]),
        node("EXPAND_DIMS", "kept", (X, scalar_tensor("axis", 0)), (int8("y", (1, 1, 2, 3)),)),
        node("CONCATENATION", "kept", (X, X), (int8("y", (2, 2, 3)),), axis=0),
    ],
    ids=lambda n: n.op,
)
def test_kept_where_something_changes(kept):
    y = int8("z", kept.output.shape)
    nodes = (kept, relu("relu", kept.output, y))
    before = Graph("g", (X,), (y,), nodes)
    assert remove_identities.run(before).nodes == nodes
