"""The choice of kernels in plain numbers: options per node, and what they take together.

Nothing here knows kernels or tensors any more, so that a problem can be handed to a solver in
another process.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen.memory.bound import lower_bound
from tinygen.memory.lifetimes import activations, demand
from tinygen.memory.packing import Packing

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from tinygen.ir import Graph, Node
    from tinygen.kernels.base import Implementation
    from tinygen.memory.lifetimes import Demand
    from tinygen.memory.plan import Buffer, MayOverlap


@dataclass(frozen=True)
class Option:
    """One way to compute one node.

    ``floor`` is the least size in bytes of an arena in which the node's step has room for what is
    alive in it. ``items`` are indices of the constants and functions it brings into flash.
    """

    cycles: int
    demand: Demand
    floor: int
    items: frozenset[int]


@dataclass(frozen=True)
class Meeting:
    """Two items of the arena that are alive together in step ``step``.

    ``gaps`` holds, per option of that step, what :class:`tinygen.memory.packing.Pair` says about
    them: (a_first, b_first, same_start), in units.
    """

    a: int
    b: int
    step: int
    gaps: tuple[tuple[int, int, bool], ...]


@dataclass(frozen=True)
class Problem:
    """Options per node, in execution order, and everything that several of them share.

    ``item_bytes`` are the sizes of what options bring into flash. Items of the arena are the
    ``tensors``, and behind them the scratch memory of each step in ``scratch_steps``, the steps of
    which an option needs any; ``names`` are the names of their buffers. ``unit`` is the smallest
    alignment, in bytes.
    """

    options: tuple[tuple[Option, ...], ...]
    item_bytes: tuple[int, ...]
    tensors: tuple[Buffer, ...]
    scratch_steps: tuple[int, ...]
    names: tuple[str, ...]
    unit: int
    meetings: tuple[Meeting, ...]

    @classmethod
    def of(cls, graph: Graph, offers: Sequence[Sequence[Implementation]]) -> Problem:
        """The problem of choosing one of the ``offers`` for each node of a graph."""
        alive = activations(graph)
        items = _Items()
        demands = [
            [demand(alive, step, node, offer) for offer in offered]
            for step, (node, offered) in enumerate(zip(graph.nodes, offers, strict=True))
        ]
        packings = [
            [step_packing(alive.buffers, step, wanted) for wanted in row]
            for step, row in enumerate(demands)
        ]
        options = tuple(
            tuple(
                Option(round(o.cycles), wanted, lower_bound(packing), items.of(node, o))
                for o, wanted, packing in zip(offered, row, local, strict=True)
            )
            for node, offered, row, local in zip(
                graph.nodes, offers, demands, packings, strict=True
            )
        )
        scratch_steps = tuple(
            step for step, row in enumerate(demands) if any(wanted.scratch for wanted in row)
        )
        names = [b.name for b in alive.buffers]
        names += [
            next(d.scratch.name for d in demands[step] if d.scratch) for step in scratch_steps
        ]
        unit = min((p.unit for row in packings for p in row), default=1)
        return cls(
            options,
            tuple(items.sizes),
            alive.buffers,
            scratch_steps,
            tuple(names),
            unit,
            _meetings(packings, {name: i for i, name in enumerate(names)}, unit),
        )

    @property
    def arena_at_most(self) -> int:
        """Bytes in which all tensors and the largest scratch memories can lie side by side."""
        tensors = sum(tensor.nbytes + tensor.alignment for tensor in self.tensors)
        scratch = (o.demand.scratch for options in self.options for o in options)
        return tensors + max((s.nbytes + s.alignment for s in scratch if s), default=0)

    def flash(self, picks: Sequence[int]) -> int:
        """Bytes of flash that these options take together."""
        used = frozenset[int]().union(*(option.items for option in self.picked(picks)))
        return sum(self.item_bytes[item] for item in used)

    def cycles(self, picks: Sequence[int]) -> int:
        """Cycles that these options take together."""
        return sum(option.cycles for option in self.picked(picks))

    def buffers(self, picks: Sequence[int]) -> tuple[list[Buffer], list[MayOverlap]]:
        """What the arena must hold with these options."""
        demands = [option.demand for option in self.picked(picks)]
        scratch = [d.scratch for d in demands if d.scratch is not None]
        return [*self.tensors, *scratch], [overlap for d in demands for overlap in d.overlaps]

    def picked(self, picks: Sequence[int]) -> Iterator[Option]:
        """The options that the picks, an index per node, stand for."""
        return (options[pick] for options, pick in zip(self.options, picks, strict=True))


class _Items:
    """Numbers what goes into flash: functions and arrays, equal ones once."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self._index: dict[Hashable, int] = {}

    def of(self, node: Node, offer: Implementation) -> frozenset[int]:
        """The items of one option; constant inputs that its function reads are among them."""
        arrays = [constant.data for constant in offer.constants]
        arrays += [
            node.input(argument.index).constant
            for argument in offer.arguments
            if argument.kind == "input" and node.input(argument.index).is_constant
        ]
        found = {self._number(offer.specialisation, offer.code_bytes)}
        found |= {self._number(call.specialisation, call.code_bytes) for call in offer.calls}
        if offer.linked:
            found.add(self._number(offer.linked, offer.linked.nbytes))
        if offer.record_bytes:
            found.add(self._number((node.name, offer.specialisation), offer.record_bytes))
        for array in arrays:
            found.add(self._number((array.dtype.name, array.tobytes()), array.nbytes))
        return frozenset(found)

    def _number(self, key: Hashable, nbytes: int) -> int:
        if key not in self._index:
            self._index[key] = len(self.sizes)
            self.sizes.append(nbytes)
        return self._index[key]


def step_packing(buffers: Sequence[Buffer], step: int, wanted: Demand) -> Packing:
    """What is alive in one step when its node is computed in one way."""
    live = [b for b in buffers if b.first <= step <= b.last]
    return Packing.of([*live, wanted.scratch] if wanted.scratch else live, wanted.overlaps)


def _meetings(
    packings: Sequence[Sequence[Packing]], index: dict[str, int], unit: int
) -> tuple[Meeting, ...]:
    """The pairs of all steps.

    Two tensors that may overlap meet in one step alone: the upper is born when the lower dies. So
    where a pair meets in several steps, its gaps are the same in all of them.
    """
    found: dict[tuple[int, int], Meeting] = {}
    for step, row in enumerate(packings):
        gaps: dict[tuple[int, int], dict[int, tuple[int, int, bool]]] = defaultdict(dict)
        for k, packing in enumerate(row):
            times = packing.unit // unit
            for pair in packing.pairs:
                a, b = (index[packing.buffers[i].name] for i in (pair.a, pair.b))
                gaps[a, b][k] = (pair.a_first * times, pair.b_first * times, pair.same_start)
        for (a, b), known in gaps.items():
            # An option without scratch memory keeps no distance from it.
            rows = tuple(known.get(k, (0, 0, False)) for k in range(len(row)))
            found[a, b] = Meeting(a, b, step, rows)
    return tuple(found.values())
