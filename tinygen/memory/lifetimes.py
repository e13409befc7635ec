"""What the arena must hold, and when: from a graph and the kernels chosen for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen.memory.plan import Buffer, MayOverlap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Graph, Node, Tensor
    from tinygen.kernels.base import Implementation

MIN_ALIGNMENT = 4
"""Kernels load and store words, of int8 tensors too."""

_VIEWS = ("EXPAND_DIMS", "RESHAPE", "SQUEEZE")


@dataclass(frozen=True)
class Activations:
    """The buffers of a graph's activations: what every choice of kernels has in common.

    ``tensors`` names the buffer of every activation, which a view shares with what it shows;
    ``dying`` holds, per node, the activations in buffers that nobody needs after it, one of each.
    """

    buffers: tuple[Buffer, ...]
    tensors: dict[Tensor, str]
    dying: tuple[tuple[Tensor, ...], ...]


@dataclass(frozen=True)
class Demand:
    """What one kernel adds in the step of its node: scratch memory, and permissions to overlap."""

    scratch: Buffer | None
    overlaps: tuple[MayOverlap, ...]


@dataclass(frozen=True)
class Lifetimes:
    """The planner's input, and the names of the buffers.

    ``tensors`` names the buffer of every activation, ``scratch`` that of a node that needs one.
    """

    buffers: tuple[Buffer, ...]
    overlaps: tuple[MayOverlap, ...]
    tensors: dict[Tensor, str]
    scratch: dict[Node, str]


def lifetimes(graph: Graph, implementations: Sequence[Implementation]) -> Lifetimes:
    """Buffers of all activations and scratch memories of ``graph``.

    ``implementations`` holds the kernel of each node, in the same order. A step is the index of a
    node. Inputs are there from the first step on and may be overwritten after their last use,
    outputs stay to the end, scratch memory lives in its own step alone.
    """
    alive = activations(graph)
    demands = [
        demand(alive, step, node, chosen)
        for step, (node, chosen) in enumerate(zip(graph.nodes, implementations, strict=True))
    ]
    scratch = {node: d.scratch for node, d in zip(graph.nodes, demands, strict=True) if d.scratch}
    return Lifetimes(
        (*alive.buffers, *scratch.values()),
        tuple(overlap for d in demands for overlap in d.overlaps),
        alive.tensors,
        {node: buffer.name for node, buffer in scratch.items()},
    )


def activations(graph: Graph) -> Activations:
    """The buffers of all activations of ``graph``, whatever kernels compute it."""
    shown = _views(graph)
    first, last = _spans(graph, shown)
    names = _names(graph, list(first))
    buffers = tuple(
        Buffer(
            names[tensor],
            tensor.nbytes,
            first[tensor],
            last[tensor],
            max(MIN_ALIGNMENT, tensor.dtype.itemsize),
        )
        for tensor in first
    )
    staying = {shown.get(tensor, tensor) for tensor in graph.outputs}
    dying: list[tuple[Tensor, ...]] = []
    for step, node in enumerate(graph.nodes):
        read = {shown.get(tensor, tensor): tensor for tensor in node.activations}
        dying.append(tuple(t for b, t in read.items() if last[b] == step and b not in staying))
    names |= {view: names[tensor] for view, tensor in shown.items()}
    return Activations(buffers, names, tuple(dying))


def demand(alive: Activations, step: int, node: Node, chosen: Implementation) -> Demand:
    """What ``node``, the one of this ``step``, adds to the activations when computed like this."""
    scratch = None
    if chosen.scratch_bytes:
        scratch = Buffer(f"{node.name}.scratch", chosen.scratch_bytes, step, step)
    overlaps = [o for t in alive.dying[step] for o in _overlaps(node, chosen, t, alive.tensors)]
    return Demand(scratch, tuple(overlaps))


def _views(graph: Graph) -> dict[Tensor, Tensor]:
    """Outputs of layers that move no byte, each with the tensor in whose buffer it is read.

    That needs no kernel's permission: readers change nothing, and a kernel that writes over its
    input may do so only after the last reader of either. It is done where the input is read later,
    or is a graph output, so that the output would be a copy. Otherwise the planner lays the output
    over the input if that is best. A graph output has a place of its own.
    """
    shown: dict[Tensor, Tensor] = {}
    last = {tensor: step for step, node in enumerate(graph.nodes) for tensor in node.activations}
    for step, node in enumerate(graph.nodes):
        x = node.inputs[0]
        if node.op not in _VIEWS or x is None or x.is_constant or node.output in graph.outputs:
            continue
        if x in shown or last[x] > step or x in graph.outputs:
            shown[node.output] = shown.get(x, x)
    return shown


def _spans(
    graph: Graph, shown: dict[Tensor, Tensor]
) -> tuple[dict[Tensor, int], dict[Tensor, int]]:
    """First and last step of every buffer, by the activation that it was made for."""
    first = dict.fromkeys(graph.inputs, 0)
    last = dict.fromkeys(graph.inputs, 0)
    for step, node in enumerate(graph.nodes):
        for tensor in node.activations:
            last[shown.get(tensor, tensor)] = step
        for tensor in node.outputs:
            if tensor not in shown:
                first[tensor] = last[tensor] = step
    for tensor in graph.outputs:
        last[shown.get(tensor, tensor)] = len(graph.nodes) - 1
    return first, last


def _names(graph: Graph, tensors: Sequence[Tensor]) -> dict[Tensor, str]:
    """A distinct name per tensor: its own, with a number behind it where a pass used it twice."""
    names: dict[Tensor, str] = {}
    taken = {f"{node.name}.scratch" for node in graph.nodes}
    for tensor in tensors:
        name, count = tensor.name, 1
        while name in taken:
            count += 1
            name = f"{tensor.name}_{count}"
        taken.add(name)
        names[tensor] = name
    return names


def _overlaps(
    node: Node, chosen: Implementation, tensor: Tensor, names: dict[Tensor, str]
) -> list[MayOverlap]:
    """How the outputs of ``node`` may lie over ``tensor``, which dies in its step.

    A kernel proves an overlap for one operand. Where the tensor is several operands at once, the
    proof must exist for each of them, and the strictest one counts.
    """
    operands = [
        i
        for i, operand in enumerate(node.inputs)
        if operand is not None and not operand.is_constant and names[operand] == names[tensor]
    ]
    found: list[MayOverlap] = []
    for k, output in enumerate(node.outputs):
        if names[output] == names[tensor]:
            continue  # a view
        proofs = [[o for o in chosen.overlaps if o.input == i and o.output == k] for i in operands]
        # An operand may have alternative proofs: any start at a distance, or only the same start.
        distances = [min((o.distance for o in p if not o.same_start), default=None) for p in proofs]
        if all(distance is not None for distance in distances):
            distance = max(d for d in distances if d is not None)
            found.append(MayOverlap(names[output], names[tensor], distance))
        same_start = all(
            any(o.same_start or o.distance <= 0 for o in alternatives) for alternatives in proofs
        )
        only_same = any(o.same_start for alternatives in proofs for o in alternatives)
        elided = chosen.elides and k == 0 and operands == [0]
        if elided or (same_start and only_same):
            found.append(MayOverlap(names[output], names[tensor], same_start=True))
    return found
