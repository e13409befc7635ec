"""Shared, fixed and missing ranges, on float graphs made by hand."""

import pytest

from tinygen.compress.lowering.emitter import Emitter
from tinygen.compress.ranges import FIXED, assign, separate_fixed
from tinygen.compress.scales import Range, asymmetric
from tinygen.errors import ModelError
from tinygen.ir import Graph, Tensor
from tinygen.ops.base import FLOAT32


@pytest.fixture
def emitter():
    return Emitter()


@pytest.fixture
def x():
    return Tensor("x", (1, 4), FLOAT32)


def graph_of(emitter, x, *outputs):
    return Graph("g", (x,), outputs, tuple(emitter.nodes))


def test_branches_of_a_concatenation_share_the_union_of_their_ranges(emitter, x):
    a, b = emitter.emit("RELU", "a", (x,)), emitter.emit("HARD_SWISH", "b", (x,))
    joined = emitter.emit("CONCATENATION", "joined", (a, b), axis=1)
    ranges = {"x": Range(-1, 1), "a": Range(0, 2), "b": Range(-3, 1), "joined": Range(-3, 2)}
    found = assign(graph_of(emitter, x, joined), ranges)
    assert found[a] == found[b] == found[joined] == asymmetric(Range(-3, 2))
    assert found[x] == asymmetric(Range(-1, 1))


def test_moved_values_keep_their_range(emitter, x):
    moved = emitter.reshape("moved", x, (1, 2, 2, 1))
    pooled = emitter.emit("MAX_POOL_2D", "pooled", (moved,), filter_height=2, filter_width=2)
    found = assign(graph_of(emitter, x, pooled), {"x": Range(-1, 1), "pooled": Range(0, 0.5)})
    assert found[x] == found[moved] == found[pooled] == asymmetric(Range(-1, 1))


def test_operators_with_a_fixed_output_need_no_range(emitter, x):
    y = emitter.reshape("flat", emitter.emit("SOFTMAX", "y", (x,)), (4, 1))
    found = assign(graph_of(emitter, x, y), {"x": Range(0, 1), "y": Range(0, 0.3)})
    assert found[y] == FIXED["SOFTMAX"]


def test_a_fixed_quantization_is_kept_from_what_it_is_joined_with(emitter, x):
    gate = emitter.emit("LOGISTIC", "gate", (x,))
    joined = emitter.emit("CONCATENATION", "joined", (gate, x), axis=1)
    graph = separate_fixed(graph_of(emitter, x, joined))
    assert [node.op for node in graph.nodes] == ["LOGISTIC", "QUANTIZE", "CONCATENATION"]
    found = assign(graph, {"x": Range(-8, 8)})
    assert found[gate] == FIXED["LOGISTIC"]
    assert found[joined] == found[x] == asymmetric(Range(-8, 8))


def test_equal_fixed_quantizations_are_joined_as_they_are(emitter, x):
    gates = [emitter.emit("LOGISTIC", name, (x,)) for name in "ab"]
    joined = emitter.emit("CONCATENATION", "joined", gates, axis=1)
    graph = separate_fixed(graph_of(emitter, x, joined))
    assert "QUANTIZE" not in [node.op for node in graph.nodes]
    assert assign(graph, {"x": Range(-8, 8)})[joined] == FIXED["LOGISTIC"]


def test_a_tensor_without_a_range_is_named(emitter, x):
    y = emitter.emit("RELU", "y", (x,))
    with pytest.raises(ModelError, match="'y' has no range"):
        assign(graph_of(emitter, x, y), {"x": Range(0, 1)})


def test_a_clamp_on_its_own_keeps_its_range(emitter, x):
    y = emitter.emit("RELU6", "y", (x,))
    found = assign(graph_of(emitter, x, y), {"x": Range(-1, 9), "y": Range(0, 6)})
    assert found[x] == found[y] == asymmetric(Range(-1, 9))
