"""How far to go along an order of removal: a bisection that asks the exact figure seldom."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_CORRECTIONS = 4
_CLOSE = 0.98
"""A figure that is this part of the limit leaves too little to go on for."""


def fewest(
    top: int, quick: Callable[[int], float], exact: Callable[[int], float], limit: float
) -> int | None:
    """A small number in [0, top] whose exact figure is within the limit; None where top is not.

    Both figures fall as the number grows, but for small steps back. Bisection by the quick figure
    finds a candidate, whose exact figure then tells by how much the quick one is wrong, and the
    search goes on with what that makes of the limit.
    """
    number, value = 0, exact(0)
    if value <= limit:
        return 0
    fails, holds = 0, None
    for attempt in count():
        aim = limit * quick(number) / value
        if holds is None and attempt >= _CORRECTIONS:
            number = (fails + top + 1) // 2  # The quick figure misleads.
        else:
            number = _first(fails, top if holds is None else holds, quick, aim)
        if number == holds or fails == top:
            break
        value = exact(number)
        if value <= limit:
            holds = number
        else:
            fails = number
        near = holds is not None and (value >= _CLOSE * limit and number == holds)
        if near or fails == top or (holds is not None and attempt >= _CORRECTIONS):
            break
    return holds


def _first(low: int, high: int, figure: Callable[[int], float], limit: float) -> int:
    """The first number in (low, high] within the limit; ``high`` where none below it is."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if figure(middle) <= limit else (middle, high)
    return high
