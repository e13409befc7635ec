"""What the memory planner is asked and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

ALIGNMENT = 16


@dataclass(frozen=True)
class Buffer:
    """A range of the arena that is needed from step ``first`` to step ``last``, both included.

    A step is the index of a layer in execution order. ``alignment`` is in bytes, a power of two.
    """

    name: str
    nbytes: int
    first: int
    last: int
    alignment: int = 4

    def meets(self, other: Buffer) -> bool:
        """Whether there is a step in which both are needed."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class MayOverlap:
    """Buffer ``over`` (an output) may lie over buffer ``under`` (an input) though both are alive.

    Allowed where ``offset[over] + distance <= offset[under]``; with ``same_start`` only at the
    same offset, which the planner then prefers among plans of equal size. Both are buffer names;
    several permissions for one pair are alternatives. Applies only when ``under`` dies in the step
    in which ``over`` is born; the caller has made sure of that.
    """

    over: str
    under: str
    distance: int = 0
    same_start: bool = False


@dataclass(frozen=True)
class ArenaPlan:
    """Where every buffer lies.

    ``lower_bound`` is a size below which no plan exists; ``optimal`` says that ``nbytes`` has been
    proven the smallest possible.
    """

    offsets: dict[str, int]
    nbytes: int
    lower_bound: int
    optimal: bool
