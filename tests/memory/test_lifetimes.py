"""Buffers and permissions from a graph and its kernels."""

import os
from pathlib import Path

import pytest

from tinygen.frontend.tflite import load
from tinygen.ir import Graph, Node
from tinygen.kernels.base import Implementation, Overlap
from tinygen.memory.lifetimes import lifetimes
from tinygen.memory.plan import Buffer, MayOverlap
from tinygen.memory.planner import plan_arena
from tinygen.ops.base import quantized


def tensor(name, nbytes):
    return quantized(name, (nbytes,), 0.1, 0)


def node(name, inputs, outputs):
    return Node("ADD", name, inputs, outputs)


def kernel(*overlaps, scratch=0, elides=False):
    return Implementation(None, {}, (), scratch_bytes=scratch, overlaps=overlaps, elides=elides)


@pytest.fixture
def chain():
    """x -> a -> y, of 8, 12 and 4 bytes."""
    x, a, y = tensor("x", 8), tensor("a", 12), tensor("y", 4)
    return Graph("chain", (x,), (y,), (node("first", (x,), (a,)), node("second", (a,), (y,))))


def test_lifetimes_of_a_chain(chain):
    found = lifetimes(chain, [kernel(scratch=100), kernel()])
    assert set(found.buffers) == {
        Buffer("x", 8, 0, 0), Buffer("a", 12, 0, 1), Buffer("y", 4, 1, 1),
        Buffer("first.scratch", 100, 0, 0),
    }  # fmt: skip
    assert not found.overlaps
    assert found.tensors == {t: t.name for t in chain.tensors()}
    assert found.scratch == {chain.nodes[0]: "first.scratch"}


def test_inputs_wait_and_outputs_stay():
    a, b, c, y, z = (tensor(name, 4) for name in "abcyz")
    nodes = (node("n0", (a,), (y,)), node("n1", (b,), (c,)), node("n2", (c,), (z,)))
    found = {
        buffer.name: buffer
        for buffer in lifetimes(Graph("g", (a, b), (y, z), nodes), [kernel()] * 3).buffers
    }
    assert (found["b"].first, found["b"].last) == (0, 1)
    assert (found["y"].first, found["y"].last) == (0, 2)
    assert (found["z"].first, found["z"].last) == (2, 2)


def test_unread_tensors_live_in_their_own_step():
    x, y, unread, unused = (tensor(name, 4) for name in ("x", "y", "unread", "unused"))
    graph = Graph("g", (x, unused), (y,), (node("n0", (x,), (unread,)), node("n1", (x,), (y,))))
    found = {buffer.name: buffer for buffer in lifetimes(graph, [kernel()] * 2).buffers}
    assert (found["unread"].first, found["unread"].last) == (0, 0)
    assert (found["unused"].first, found["unused"].last) == (0, 0)


def test_an_overlap_is_offered_when_the_input_dies(chain):
    found = lifetimes(chain, [kernel(Overlap(distance=8)), kernel(Overlap(same_start=True))])
    assert found.overlaps == (MayOverlap("a", "x", 8), MayOverlap("y", "a", same_start=True))


def test_an_input_that_is_read_later_is_left_alone():
    x, a, y = tensor("x", 8), tensor("a", 8), tensor("y", 8)
    graph = Graph("g", (x,), (y,), (node("n0", (x,), (a,)), node("n1", (x, a), (y,))))
    found = lifetimes(graph, [kernel(Overlap()), kernel(Overlap(0), Overlap(1))])
    assert found.overlaps == (MayOverlap("y", "x"), MayOverlap("y", "a"))


def test_an_output_of_the_graph_is_left_alone(chain):
    graph = chain.replace(outputs=(*chain.outputs, chain.nodes[0].output))
    assert not lifetimes(graph, [kernel(), kernel(Overlap())]).overlaps


def test_an_operand_read_twice_needs_two_proofs():
    x, y = tensor("x", 8), tensor("y", 8)
    graph = Graph("g", (x,), (y,), (node("n", (x, x), (y,)),))
    assert not lifetimes(graph, [kernel(Overlap(0))]).overlaps
    both = kernel(Overlap(0, distance=4), Overlap(1, distance=12))
    assert lifetimes(graph, [both]).overlaps == (MayOverlap("y", "x", 12),)
    in_place = kernel(Overlap(0, same_start=True), Overlap(1, distance=0))
    assert lifetimes(graph, [in_place]).overlaps == (MayOverlap("y", "x", same_start=True),)
    contradictory = kernel(Overlap(0, same_start=True), Overlap(1, distance=4))
    assert not lifetimes(graph, [contradictory]).overlaps


def test_every_output_has_its_own_permission():
    x, y, z = tensor("x", 8), tensor("y", 4), tensor("z", 4)
    graph = Graph("g", (x,), (y, z), (node("split", (x,), (y, z)),))
    found = lifetimes(graph, [kernel(Overlap(output=1, distance=2))])
    assert found.overlaps == (MayOverlap("z", "x", 2),)


def test_elided_layers_want_the_same_start(chain):
    found = lifetimes(chain, [kernel(elides=True), kernel(Overlap(), elides=True)])
    assert found.overlaps == (
        MayOverlap("a", "x", same_start=True),
        MayOverlap("y", "a"), MayOverlap("y", "a", same_start=True),
    )  # fmt: skip
    plan = plan_arena(found.buffers, found.overlaps)
    assert plan.offsets["x"] == plan.offsets["a"] == plan.offsets["y"]


def test_names_stay_distinct_when_passes_repeat_them():
    x, a, y = tensor("t", 4), tensor("t", 4), tensor("n0.scratch", 4)
    graph = Graph("g", (x,), (y,), (node("n0", (x,), (a,)), node("n1", (a,), (y,))))
    found = lifetimes(graph, [kernel(scratch=4), kernel()])
    assert len({buffer.name for buffer in found.buffers}) == 4


PEAKS = {
    "kws_ref_model.tflite": 16_000,
    "vww_96_int8.tflite": 55_296,
    "pretrainedResnet_quant.tflite": 49_152,
    "ad01_int8.tflite": 768,
}


@pytest.mark.reference
@pytest.mark.skipif(
    "TINYGEN_MODELS" not in os.environ, reason="TINYGEN_MODELS does not name the reference models"
)
@pytest.mark.parametrize("file", PEAKS)
def test_the_reference_models_reach_their_peak(file):
    """Without scratch and in-place kernels, an arena is as large as the activations of one step."""
    graph = load(Path(os.environ["TINYGEN_MODELS"]) / "models" / file)
    found = lifetimes(graph, [kernel()] * len(graph.nodes))
    plan = plan_arena(found.buffers, found.overlaps)
    assert plan.optimal
    assert plan.nbytes == PEAKS[file]
