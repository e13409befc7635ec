"""Which chains of layers to compute row by row, so that the arena becomes smallest.

A fused chain takes a few lines of memory where its layers would take whole tensors between them.
The nodes of a graph are cut into intervals, each a node by itself or a chain to fuse. What is alive
beside an interval does not depend on how the others are cut, so each has a floor of its own: the
least arena in which its step has room. Two passes of dynamic programming over the cuts find first
the smallest possible largest floor, then, among the cuts that reach it, the one of fewest cycles;
both are exact. Whether the arena really is as small is for the planner to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen.choice.problem import step_packing
from tinygen.memory.bound import lower_bound
from tinygen.memory.lifetimes import activations, demand
from tinygen.memory.plan import ALIGNMENT
from tinygen.ops.own.fused_rows import WINDOWS, continues, fused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tinygen.ir import Graph, Node
    from tinygen.kernels.base import Implementation

LONGEST = 8
"""Layers of a chain at most: more of them seldom save memory, and the lines add up."""


@dataclass(frozen=True)
class _Interval:
    """Nodes ``first`` to ``end`` - 1 as the one node ``node``; (floor, cycles) of its options."""

    first: int
    end: int
    node: Node
    options: tuple[tuple[int, float], ...]

    def cycles(self, room: int) -> float:
        """The fewest cycles within an arena of so many bytes."""
        return min((c for floor, c in self.options if floor <= room), default=float("inf"))


def fuse_for_memory(
    graph: Graph, offers: Callable[[Node], Sequence[Implementation]], enough: int | None = None
) -> Graph:
    """The graph with chains as FUSED_ROWS nodes where that makes the largest floor smaller.

    ``offers`` gives the implementations of a node, none where no kernel takes it. An arena of
    ``enough`` bytes need not become smaller.
    """
    ending: list[list[_Interval]] = [[] for _ in range(len(graph.nodes) + 1)]
    for interval in _intervals(graph, offers):
        ending[interval.end].append(interval)
    # Code is generated for arenas of whole units.
    room = max(-(-_smallest_room(ending) // ALIGNMENT) * ALIGNMENT, enough or 0)
    best: list[tuple[float, tuple[Node, ...]]] = [(0.0, ())]
    for found in ending[1:]:
        costs = ((best[i.first][0] + i.cycles(room), i) for i in found)
        cycles, last = min(costs, key=lambda cost: cost[0])
        best.append((cycles, (*best[last.first][1], last.node)))
    return graph.replace(nodes=best[-1][1])


def _smallest_room(ending: Sequence[Sequence[_Interval]]) -> int:
    """The smallest largest floor of any way to cut."""
    rooms = [0]
    for found in ending[1:]:
        rooms.append(min(max(rooms[i.first], min(f for f, _ in i.options)) for i in found))
    return rooms[-1]


def _intervals(
    graph: Graph, offers: Callable[[Node], Sequence[Implementation]]
) -> Iterator[_Interval]:
    """Every node by itself, and every chain that kernels can fuse."""
    for first, node in enumerate(graph.nodes):
        yield _interval(graph, first, first + 1, node, offers(node))
        for end in range(first + 1, min(first + LONGEST, _chain_end(graph, first)) + 1):
            chain = fused(graph.nodes[first:end])
            if found := offers(chain):
                yield _interval(graph, first, end, chain, found)


def _chain_end(graph: Graph, first: int) -> int:
    """One past the last node of the longest chain from this node on; ``first`` if there is none."""
    node = graph.nodes[first]
    if node.op not in WINDOWS or node.input(0).shape[0] != 1:
        return first
    end = first + 1
    for after in graph.nodes[end:]:
        between = graph.nodes[end - 1].output
        alone = graph.consumers(between) == [after] and between not in graph.outputs
        if not (alone and continues(graph.nodes[end - 1], after)):
            break
        end += 1
    return end


def _interval(
    graph: Graph, first: int, end: int, node: Node, found: Sequence[Implementation]
) -> _Interval:
    nodes = (*graph.nodes[:first], node, *graph.nodes[end:])
    alive = activations(graph.replace(nodes=nodes))
    options = []
    for offer in found:
        wanted = demand(alive, first, node, offer)
        floor = lower_bound(step_packing(alive.buffers, first, wanted))
        options.append((floor, offer.cycles))
    return _Interval(first, end, node, tuple(options))
