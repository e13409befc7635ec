"""Which chains are fused: the cuts that dynamic programming finds against all that there are."""

import functools
import itertools

import numpy as np
import pytest
from rewriting import check_rewrite, int8, node
from row_chains import chain

from tinygen.choice.fusing import fuse_for_memory
from tinygen.choice.problem import step_packing
from tinygen.ir import Graph
from tinygen.kernels.base import Implementation, Overlap
from tinygen.memory.bound import lower_bound
from tinygen.memory.lifetimes import activations, demand
from tinygen.memory.plan import ALIGNMENT
from tinygen.ops.own.fused_rows import fused


def made_up(seed):
    """Offers of drawn scratch memories, overlaps and cycles; some chains have none."""

    @functools.cache
    def of(names):
        rng = np.random.default_rng([seed, *names.encode()])
        if " to " in names and rng.random() < 0.2:
            return []
        return [
            Implementation(
                None,
                {},
                (),
                scratch_bytes=int(rng.integers(0, 4)) * 100,
                overlaps=(Overlap(distance=int(rng.integers(-200, 200))),),
                cycles=float(rng.integers(1, 20)),
            )
            for _ in range(2)
        ]

    return lambda made: of(made.name)


def figures(graph, offers, room=None):
    """The largest of the floors; or the fewest cycles with all floors within ``room``."""
    alive, floors, cycles = activations(graph), [], 0
    for step, made in enumerate(graph.nodes):
        options = [
            (lower_bound(step_packing(alive.buffers, step, demand(alive, step, made, o))), o.cycles)
            for o in offers(made)
        ]
        if not options:
            return float("inf")
        floors.append(min(floor for floor, _ in options))
        if room is not None:
            cycles += min((c for floor, c in options if floor <= room), default=float("inf"))
    return max(floors) if room is None else cycles


def cuts(graph, between):
    """The graph with every choice of the tensors ``between`` layers, by index, fused away."""
    for away in itertools.product((False, True), repeat=len(between)):
        groups = [[graph.nodes[0]]]
        for i, made in enumerate(graph.nodes[1:]):
            if i in between and away[between.index(i)]:
                groups[-1].append(made)
            else:
                groups.append([made])
        yield graph.replace(nodes=tuple(g[0] if len(g) == 1 else fused(g) for g in groups))


@pytest.mark.parametrize("seed", range(6))
def test_no_cut_is_better(seed):
    rng = np.random.default_rng(seed)
    layers = [(int(rng.choice([1, 2, 9])), 1) for _ in range(5)]
    nodes = chain(int8("x", (1, 6, 6, 3)), *layers)
    first, last = nodes[1].output, nodes[4].output
    graph = Graph("g", (nodes[0].input(0),), (last,), tuple(nodes))
    between = [0, 1, 2, 3]
    if seed % 2:  # a tensor that is read again stays
        y = int8("y", np.broadcast_shapes(first.shape, (1, 6, 6, 1)))
        summed = node("ADD", "sum", (first, first), (y,))
        graph = graph.replace(nodes=(*nodes, summed), outputs=(last, y))
        between = [0, 2, 3]
    offers = made_up(seed)
    choice = fuse_for_memory(graph, offers)
    check_rewrite(graph, choice)
    every = [c for c in cuts(graph, between) if all(offers(n) for n in c.nodes)]
    smallest = min(figures(c, offers) for c in every)
    assert figures(choice, offers) <= -(-smallest // ALIGNMENT) * ALIGNMENT
    room = -(-smallest // ALIGNMENT) * ALIGNMENT
    fewest = min(figures(c, offers, room) for c in every)
    assert figures(choice, offers, room) == fewest
    roomy = fuse_for_memory(graph, offers, enough=10**6)
    assert figures(roomy, offers, 10**6) == min(figures(c, offers, 10**6) for c in every)
