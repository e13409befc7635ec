"""In which order to compute the nodes, so that the arena becomes smallest.

What is alive in a step depends on the set of nodes that come before it, not on their order. So an
order is a path through such sets, one node longer each, and its cost the largest memory that any of
its steps needs: what is alive beside the node, and the least that the node takes by itself with any
of its kernels. Best-first search over the sets finds a path of the smallest cost. Sets that cost as
much as the best order that is known are left out: that is the given one, or one that always takes
the node that needs least. So only a better order is ever returned, and it is one of the best where
the search comes to its end; wide graphs have too many sets for that.

A rewrite like those of :mod:`tinygen.passes`: every node still reads what it read.
"""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING

from tinygen.choice.problem import step_packing
from tinygen.ir import Graph
from tinygen.memory.bound import lower_bound
from tinygen.memory.lifetimes import MIN_ALIGNMENT, activations, demand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tinygen.ir import Node, Tensor
    from tinygen.kernels.base import Implementation

MOST_STEPS = 20_000
"""Steps that the search looks at before it gives up; a second or so, whatever the machine."""

_Path = tuple[int, "_Path"] | None


def order_for_memory(
    graph: Graph, offers: Callable[[Node], Sequence[Implementation]], most_steps: int = MOST_STEPS
) -> Graph:
    """The graph in an order whose worst step needs less memory; itself where none was found.

    ``offers`` gives the implementations of a node to choose from, at least one.
    """
    if _has_one_order(graph):
        return graph
    steps = _Steps(graph, offers)
    given = list(range(len(graph.nodes)))
    if steps.largest(given) == steps.least:
        return graph
    known = min(given, steps.greedy(), key=steps.largest)
    best = _searched(steps, steps.largest(known), most_steps) or known
    return graph if best == given else graph.replace(nodes=tuple(graph.nodes[i] for i in best))


def _searched(steps: _Steps, limit: int, most_steps: int) -> list[int] | None:
    """The order of the smallest cost; None where none is below the limit, or found in time."""
    number, seen, looked = count(), set[int](), 0
    # The cheapest set first, then the largest, then the one that is closest to the given order.
    heap: list[tuple[int, int, int, int, _Path]] = [(0, 0, next(number), 0, None)]
    while heap and looked <= most_steps:
        cost, size, _, done, path = heapq.heappop(heap)
        if done == steps.everything:
            return _unrolled(path)
        if done in seen:
            continue
        seen.add(done)
        for i in steps.ready(done):
            looked += 1
            larger = max(cost, steps.memory(i, done))
            if larger < limit:
                entry = (larger, size - 1, next(number), done | 1 << i, (i, path))
                heapq.heappush(heap, entry)
    return None


def _has_one_order(graph: Graph) -> bool:
    """Whether every node reads what the one before it computes."""
    pairs = zip(graph.nodes, graph.nodes[1:], strict=False)
    return all(not set(before.outputs).isdisjoint(after.inputs) for before, after in pairs)


def _unrolled(path: _Path) -> list[int]:
    indices = []
    while path is not None:
        index, path = path
        indices.append(index)
    return indices[::-1]


class _Steps:
    """What the steps of a graph need; sets of nodes are the bits of an integer."""

    def __init__(self, graph: Graph, offers: Callable[[Node], Sequence[Implementation]]) -> None:
        self._nodes = graph.nodes
        self._offers = [offers(node) for node in graph.nodes]
        self._outputs = set(graph.outputs)
        self._readers: dict[Tensor, int] = dict.fromkeys(graph.inputs, 0)
        made = {tensor: i for i, node in enumerate(graph.nodes) for tensor in node.outputs}
        self._before = [
            sum({1 << made[t] for t in n.activations if t in made}) for n in self._nodes
        ]
        for i, node in enumerate(graph.nodes):
            for tensor in node.activations:
                self._readers[tensor] = self._readers.get(tensor, 0) | 1 << i
        self._born = {
            tensor: 1 << made[tensor] if tensor in made else 0 for tensor in self._readers
        }
        self._born |= {t: 1 << made[t] for t in graph.outputs if t in made}
        self._alone: dict[tuple[int, frozenset[Tensor]], int] = {}

    @property
    def everything(self) -> int:
        """The set of all nodes."""
        return (1 << len(self._nodes)) - 1

    @property
    def least(self) -> int:
        """Bytes that the worst step needs in every order."""
        return max(
            self._by_itself(i, self._outputs.intersection(node.activations))
            for i, node in enumerate(self._nodes)
        )

    def largest(self, order: Sequence[int]) -> int:
        """Bytes that the worst step of an order needs."""
        done, found = 0, 0
        for i in order:
            found = max(found, self.memory(i, done))
            done |= 1 << i
        return found

    def greedy(self) -> list[int]:
        """The order that always takes the node that needs least, then the one that leaves least."""
        done, order = 0, list[int]()
        while done != self.everything:
            costs = (
                (self.memory(i, done), self._alive(done | 1 << i), i) for i in self.ready(done)
            )
            order.append(min(costs)[-1])
            done |= 1 << order[-1]
        return order

    def ready(self, done: int) -> Iterator[int]:
        """The nodes that can follow these."""
        return (
            i
            for i, before in enumerate(self._before)
            if not done >> i & 1 and before & done == before
        )

    def memory(self, i: int, done: int) -> int:
        """Bytes that node ``i`` needs when it follows the nodes ``done``."""
        node, later = self._nodes[i], ~(done | 1 << i)
        stay = {t for t in node.activations if self._needed(t, later)}
        return self._by_itself(i, stay) + self._alive(done, node.inputs)

    def _alive(self, done: int, but: Sequence[Tensor | None] = ()) -> int:
        """Bytes of what is still needed after the nodes ``done``, ``but`` for these tensors."""
        words = sum(
            -(-tensor.nbytes // MIN_ALIGNMENT)
            for tensor, born in self._born.items()
            if born & done == born and self._needed(tensor, ~done) and tensor not in but
        )
        return words * MIN_ALIGNMENT

    def _needed(self, tensor: Tensor, later: int) -> bool:
        return tensor in self._outputs or bool(self._readers.get(tensor, 0) & later)

    def _by_itself(self, i: int, stay: set[Tensor]) -> int:
        """Bytes that a node takes with its inputs, of which some are still needed after it."""
        key = i, frozenset(stay)
        if key not in self._alone:
            node = self._nodes[i]
            inputs = node.activations
            staying = tuple(tensor for tensor in inputs if tensor in stay)
            alive = activations(Graph("", inputs, (*node.outputs, *staying), (node,)))
            self._alone[key] = min(
                lower_bound(step_packing(alive.buffers, 0, demand(alive, 0, node, offer)))
                for offer in self._offers[i]
            )
        return self._alone[key]
