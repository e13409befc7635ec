"""The best choice of kernels: by relaxation where that proves it, by CP-SAT otherwise.

The relaxation leaves the layout of the arena out: it only asks that every step has room in the
arena by itself, which every layout needs. It is quick, for without a figure of flash each node
decides alone. Its best choice is the best of all as soon as the arena that is planned for it is no
larger than the relaxation says, and that is nearly always so. Else the layout joins the model.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tinygen.choice.solver import Answer, Figure, Solution, solve
from tinygen.errors import BudgetError
from tinygen.memory.plan import ALIGNMENT
from tinygen.memory.planner import plan_arena

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.choice.problem import Problem
    from tinygen.memory.plan import ArenaPlan

Objective = Literal["latency", "ram", "flash"]

_GOALS: dict[Objective, tuple[Figure, ...]] = {
    "latency": ("cycles",),
    "ram": ("arena", "cycles"),
    "flash": ("flash", "cycles"),
}


@dataclass(frozen=True)
class Limits:
    """Upper limits: bytes ``ram`` of the arena and ``flash`` of constants and estimated code.

    ``cycles`` are estimated.
    """

    flash: int | None = None
    ram: int | None = None
    cycles: int | None = None

    @property
    def figures(self) -> dict[Figure, int]:
        """The limits that are set."""
        known: tuple[tuple[Figure, int | None], ...] = (
            ("flash", self.flash),
            ("arena", self.ram),
            ("cycles", self.cycles),
        )
        return {figure: limit for figure, limit in known if limit is not None}


UNLIMITED = Limits()

PATIENCE = 3
"""How many times the fewest cycles ``flash`` takes at most, where the limits leave a choice."""


@dataclass(frozen=True)
class Choice:
    """An option per node and the arena they make; ``optimal`` where that is proven to be best."""

    picks: tuple[int, ...]
    plan: ArenaPlan
    optimal: bool


def choose(problem: Problem, objective: Objective, limits: Limits) -> Choice:
    """The best choice within the limits.

    Smallest cycles, arena or flash, as the objective says; ties of the latter two by cycles. Arenas
    of as many units of ALIGNMENT bytes are a tie, for code is generated for whole units. The
    smallest flash is that of choices that take at most PATIENCE times the fewest cycles, where the
    limits can be met so: the last bytes are the dearest. Raises BudgetError, with the smallest
    figure that can be reached, where nothing is within the limits.
    """
    found = _patiently(problem, limits) if objective == "flash" else None
    found = found or _within(problem, objective, limits)
    if found is None:
        raise BudgetError(_out_of_reach(problem, limits))
    return _in_whole_units(problem, limits, found) if objective == "ram" else found


def _in_whole_units(problem: Problem, limits: Limits, smallest: Choice) -> Choice:
    """The fewest cycles in the whole units that the smallest arena takes."""
    room = -(-smallest.plan.nbytes // ALIGNMENT) * ALIGNMENT
    room = min(room, limits.ram or room)
    faster = _within(problem, "latency", dataclasses.replace(limits, ram=room))
    if faster is None or problem.cycles(faster.picks) >= problem.cycles(smallest.picks):
        return smallest
    return dataclasses.replace(faster, optimal=smallest.optimal and faster.optimal)


def _patiently(problem: Problem, limits: Limits) -> Choice | None:
    """The smallest flash that does not take too long; None where none was found."""
    fewest = sum(min(option.cycles for option in options) for options in problem.options)
    return _within(problem, "flash", dataclasses.replace(limits, cycles=PATIENCE * fewest))


def _within(problem: Problem, objective: Objective, limits: Limits) -> Choice | None:
    """The best choice within the limits; None where none was found."""
    relaxed = _relaxed(problem, objective, limits)
    if relaxed.solution is None:
        return None
    picks = relaxed.solution.picks
    plan = _plan(problem, picks)
    room = relaxed.solution.arena if objective == "ram" else limits.ram
    if room is None or plan.nbytes <= room:
        return Choice(picks, plan, relaxed.solution.optimal)
    joint = solve(problem, _GOALS[objective], limits.figures, layout=True, hint=picks)
    candidates = []
    if joint.solution is not None:
        plan_found = _plan(problem, joint.solution.picks, joint.solution)
        candidates.append(Choice(joint.solution.picks, plan_found, joint.solution.optimal))
    if limits.ram is None or plan.nbytes <= limits.ram:
        candidates.append(Choice(picks, plan, optimal=False))
    elif objective != "ram" and joint.solution is None and not joint.complete:
        # Out of time: the smallest arena may be within the limit where the best choice is unknown.
        smallest = _within(problem, "ram", limits)
        candidates += [Choice(smallest.picks, smallest.plan, optimal=False)] if smallest else []
    return min(candidates, key=lambda choice: _rank(problem, objective, choice), default=None)


def _rank(problem: Problem, objective: Objective, choice: Choice) -> tuple[int, ...]:
    figures: dict[Figure, int] = {
        "cycles": problem.cycles(choice.picks),
        "arena": choice.plan.nbytes,
        "flash": problem.flash(choice.picks),
    }
    return (*(figures[goal] for goal in _GOALS[objective]), not choice.optimal)


def _relaxed(problem: Problem, objective: Objective, limits: Limits) -> Answer:
    """The best choice when every step only needs room by itself."""
    if objective == "flash" or limits.flash is not None:
        return solve(problem, _GOALS[objective], limits.figures, layout=False)
    least = max(min(option.floor for option in options) for options in problem.options)
    room = least if objective == "ram" else limits.ram
    if limits.ram is not None and least > limits.ram:
        return Answer(None, complete=True)
    picks = tuple(
        min(
            (k for k, option in enumerate(options) if room is None or option.floor <= room),
            key=lambda k: (options[k].cycles, options[k].floor),
        )
        for options in problem.options
    )
    arena = max(option.floor for option in problem.picked(picks))
    return Answer(Solution(picks, None, arena, optimal=True), complete=True)


def _plan(problem: Problem, picks: Sequence[int], laid_out: Solution | None = None) -> ArenaPlan:
    """The arena of these options, no larger than the one that is laid out already."""
    buffers, overlaps = problem.buffers(picks)
    known = None
    if laid_out is not None and laid_out.starts is not None:
        known = dict(zip(problem.names, laid_out.starts, strict=True))
        known = {name: start * problem.unit for name, start in known.items()}
    return plan_arena(buffers, overlaps, known=known)


def _out_of_reach(problem: Problem, limits: Limits) -> str:
    """Which limit is out of reach, and what the smallest figure is, in one sentence."""
    if limits.ram is not None:
        smallest = _within(problem, "ram", UNLIMITED)
        assert smallest is not None
        if smallest.plan.nbytes > limits.ram:
            return _sentence(smallest.plan.nbytes, "arena", smallest, "--max-ram", limits.ram)
    if limits.flash is not None:
        smallest = _within(problem, "flash", UNLIMITED)
        assert smallest is not None
        flash = problem.flash(smallest.picks)
        if flash > limits.flash:
            return _sentence(flash, "flash", smallest, "--max-flash", limits.flash)
    within = _within(problem, "flash", Limits(ram=limits.ram))
    if within is None or limits.flash is None:
        return (
            f"no choice of kernels within --max-ram {limits.ram} was found in time; raise the limit"
        )
    flash = problem.flash(within.picks)
    return _sentence(flash, "flash", within, f"--max-ram {limits.ram} --max-flash", limits.flash)


def _sentence(reached: int, what: str, choice: Choice, option: str, limit: int) -> str:
    known = "possible" if choice.optimal else "found"
    return (
        f"no choice of kernels meets {option} {limit}: the smallest {what} {known} is {reached} "
        "bytes; raise the limit or make the model smaller"
    )
