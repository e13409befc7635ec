"""The packing problem as a constraint model for CP-SAT, the solver of Google's OR-Tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen import isolated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.memory.packing import Packing

SEED = 1


def solve(
    packing: Packing, hint: Sequence[int], bound: int, seconds: float
) -> tuple[list[int], int, bool]:
    """Starts of the smallest arena found, a lower bound in bytes, and whether that is proven.

    ``hint`` is a packing to improve on, ``bound`` a known lower bound. Among arenas of one size,
    the one with most pairs at the same start wins. ``seconds`` is CP-SAT's deterministic time,
    about a second of a fast core each: the result does not depend on the machine or its load.
    """
    return isolated.call(_solve, packing, list(hint), bound, seconds)


def _solve(
    packing: Packing, hint: Sequence[int], bound: int, seconds: float
) -> tuple[list[int], int, bool]:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    largest = packing.nbytes(hint)
    arena = model.new_int_var(bound, largest, "arena")
    starts = []
    for buffer, multiple, start in zip(packing.buffers, packing.multiples, hint, strict=True):
        slots = (largest - buffer.nbytes) // (packing.unit * multiple)
        slot = model.new_int_var(0, slots, buffer.name)
        model.add_hint(slot, start // multiple)
        model.add(arena >= slot * (multiple * packing.unit) + buffer.nbytes)
        starts.append(slot * multiple)
    model.add_hint(arena, largest)

    apart = []
    for pair in packing.pairs:
        a, b = starts[pair.a], starts[pair.b]
        a_first = model.new_bool_var("")
        model.add(a + pair.a_first <= b).only_enforce_if(a_first)
        if not pair.same_start:
            model.add(b + pair.b_first <= a).only_enforce_if(~a_first)
            model.add_hint(a_first, hint[pair.a] + pair.a_first <= hint[pair.b])
            continue
        b_first, together = model.new_bool_var(""), model.new_bool_var("")
        model.add(b + pair.b_first <= a).only_enforce_if(b_first)
        model.add(a == b).only_enforce_if(together)
        model.add_bool_or(a_first, b_first, together)
        model.add_hint(together, hint[pair.a] == hint[pair.b])
        apart.append(~together)
    # A byte of arena outweighs all pairs together.
    weight = len(apart) + 1
    model.minimize(arena * weight + sum(apart))

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = SEED
    solver.parameters.max_deterministic_time = seconds
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return list(hint), bound, False
    proven = max(bound, -(-int(solver.best_objective_bound - len(apart)) // weight))
    return [solver.value(start) for start in starts], proven, status == cp_model.OPTIMAL
