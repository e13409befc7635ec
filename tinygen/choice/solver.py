"""The choice of kernels as a constraint model for CP-SAT, with or without the arena's layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tinygen import isolated
from tinygen.memory.solver import SEED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tinygen.choice.problem import Problem

Figure = Literal["cycles", "arena", "flash"]


@dataclass(frozen=True)
class Solution:
    """An option per node, and the first unit of each item of the arena if that was laid out.

    ``arena`` is the size in bytes of what was laid out; without a layout, what the worst step needs
    at least. ``optimal`` says whether it is proven that nothing is better.
    """

    picks: tuple[int, ...]
    starts: tuple[int, ...] | None
    arena: int
    optimal: bool


@dataclass(frozen=True)
class Answer:
    """What the solver found: ``solution`` is None where there is none, or none was found in time.

    ``complete`` says that the solver did not run out of time, so that None means there is none.
    """

    solution: Solution | None
    complete: bool


def solve(
    problem: Problem,
    goals: Sequence[Figure],
    limits: Mapping[Figure, int],
    *,
    layout: bool,
    hint: Sequence[int] = (),
    seconds: float = 4.0,
) -> Answer:
    """Options that make the first goal smallest, among those the second one, and so on.

    ``limits`` are upper limits of figures. With ``layout`` the arena is laid out, otherwise each
    step alone must have room in it. ``hint`` are picks to begin with. ``seconds`` is deterministic
    time per goal: the answer does not depend on the machine or its load.
    """
    return isolated.call(_solve, problem, tuple(goals), dict(limits), layout, tuple(hint), seconds)


def _solve(
    problem: Problem,
    goals: tuple[Figure, ...],
    limits: dict[Figure, int],
    layout: bool,
    hint: tuple[int, ...],
    seconds: float,
) -> Answer:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    chosen = [[model.new_bool_var("") for _ in options] for options in problem.options]
    for row in chosen:
        model.add_exactly_one(row)
    figures: dict[Figure, Any] = {
        "cycles": sum(
            _dot(row, [option.cycles for option in options])
            for row, options in zip(chosen, problem.options, strict=True)
        ),
        "flash": _flash(model, problem, chosen),
        "arena": _arena(model, problem, chosen),
    }
    slots = _layout(model, problem, chosen, figures["arena"]) if layout else []
    for figure, limit in limits.items():
        model.add(figures[figure] <= limit)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = SEED
    solver.parameters.max_deterministic_time = seconds
    for row, pick in zip(chosen, hint, strict=False):
        for k, literal in enumerate(row):
            model.add_hint(literal, k == pick)

    solution, optimal = None, True
    variables = [*(literal for row in chosen for literal in row), *(slot for slot, _ in slots)]
    for goal in goals:
        model.minimize(figures[goal])
        status = solver.solve(model)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            complete = status == cp_model.INFEASIBLE
            optimal = False
            break
        complete = True
        optimal = optimal and status == cp_model.OPTIMAL
        picks = tuple(
            next(k for k, literal in enumerate(row) if solver.boolean_value(literal))
            for row in chosen
        )
        starts = tuple(solver.value(slot) * multiple for slot, multiple in slots)
        solution = Solution(
            picks, starts if layout else None, solver.value(figures["arena"]), optimal
        )
        model.add(figures[goal] <= solver.value(figures[goal]))
        values = [solver.value(variable) for variable in variables]
        model.clear_hints()
        for variable, value in zip(variables, values, strict=True):
            model.add_hint(variable, value)
    if solution is not None:
        solution = Solution(solution.picks, solution.starts, solution.arena, optimal)
    return Answer(solution, complete)


def _dot(literals: Sequence[Any], weights: Sequence[int]) -> Any:
    return sum(literal * weight for literal, weight in zip(literals, weights, strict=True))


def _flash(model: Any, problem: Problem, chosen: list[list[Any]]) -> Any:
    """Bytes in flash: an item is there as soon as one chosen option needs it."""
    there = [model.new_bool_var("") for _ in problem.item_bytes]
    for row, options in zip(chosen, problem.options, strict=True):
        for literal, option in zip(row, options, strict=True):
            for item in sorted(option.items):
                model.add_implication(literal, there[item])
    return _dot(there, problem.item_bytes)


def _arena(model: Any, problem: Problem, chosen: list[list[Any]]) -> Any:
    """Bytes of arena, at least what each step needs."""
    arena = model.new_int_var(0, problem.arena_at_most, "arena")
    for row, options in zip(chosen, problem.options, strict=True):
        model.add(arena >= _dot(row, [option.floor for option in options]))
    return arena


def _layout(
    model: Any, problem: Problem, chosen: list[list[Any]], arena: Any
) -> list[tuple[Any, int]]:
    """Where every item of the arena starts, such that what is alive together keeps apart.

    A start is a variable times the item's alignment in units, in the order of ``problem.names``.
    """
    slots = []
    demands = [[option.demand.scratch for option in options] for options in problem.options]
    sizes: list[tuple[int, Any]] = [(t.alignment, t.nbytes) for t in problem.tensors]
    for step in problem.scratch_steps:
        nbytes = [scratch.nbytes if scratch else 0 for scratch in demands[step]]
        alignment = max(scratch.alignment for scratch in demands[step] if scratch)
        sizes.append((alignment, _dot(chosen[step], nbytes)))
    for (alignment, nbytes), name in zip(sizes, problem.names, strict=True):
        slot = model.new_int_var(0, problem.arena_at_most // alignment, name)
        model.add(arena >= slot * alignment + nbytes)
        slots.append((slot, alignment // problem.unit))
    starts = [slot * multiple for slot, multiple in slots]
    for meeting in problem.meetings:
        a, b, row = starts[meeting.a], starts[meeting.b], chosen[meeting.step]
        a_first, b_first = model.new_bool_var(""), model.new_bool_var("")
        gaps = meeting.gaps
        model.add(a + _dot(row, [gap[0] for gap in gaps]) <= b).only_enforce_if(a_first)
        model.add(b + _dot(row, [gap[1] for gap in gaps]) <= a).only_enforce_if(b_first)
        either = [a_first, b_first]
        allowed = [literal for literal, gap in zip(row, gaps, strict=True) if gap[2]]
        if allowed:
            together = model.new_bool_var("")
            model.add(a == b).only_enforce_if(together)
            model.add_bool_or(allowed).only_enforce_if(together)
            either.append(together)
        model.add_bool_or(either)
    return slots
