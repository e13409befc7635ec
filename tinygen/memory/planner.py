"""Lay out the arena: the smallest one, and a proof of how good it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.memory.bound import lower_bound
from tinygen.memory.first_fit import first_fit
from tinygen.memory.packing import Packing
from tinygen.memory.plan import ArenaPlan
from tinygen.memory.solver import solve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tinygen.memory.plan import Buffer, MayOverlap


def plan_arena(
    buffers: Sequence[Buffer],
    may_overlap: Sequence[MayOverlap],
    seconds: float = 10.0,
    known: Mapping[str, int] | None = None,
) -> ArenaPlan:
    """An offset for every buffer, such that buffers alive together do not collide.

    First fit often meets the lower bound, which proves it optimal; otherwise CP-SAT improves on it
    for at most ``seconds`` of deterministic time. ``known`` are the offsets of a valid plan, where
    somebody has one, and the result is no larger than that. The same buffers give the same plan.
    Raises ValueError where buffers or permissions contradict themselves, a mistake in tinygen.
    """
    packing = Packing.of(buffers, may_overlap)
    bound = lower_bound(packing)
    starts = first_fit(packing)
    if known is not None:
        given = [known[buffer.name] // packing.unit for buffer in buffers]
        starts = min(starts, given, key=packing.nbytes)
    optimal = packing.nbytes(starts) == bound
    if not optimal or packing.apart(starts):
        starts, bound, optimal = solve(packing, starts, bound, seconds)
    nbytes = packing.nbytes(starts)
    optimal = optimal or nbytes == bound
    offsets = {b.name: s * packing.unit for b, s in zip(buffers, starts, strict=True)}
    return ArenaPlan(offsets, nbytes, nbytes if optimal else bound, optimal)
