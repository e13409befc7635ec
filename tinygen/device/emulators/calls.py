"""What both kinds of bare target share: the result of a call, the patterns that guard memory."""

from __future__ import annotations

from dataclasses import dataclass

FENCE = 0xA5
PAINT = 0xC5


@dataclass(frozen=True)
class CallResult:
    """What one call took.

    ``instructions`` is exact. ``cycles_modelled`` comes from the core's cost table
    (docs/cycle-model.md), None for a core without one. ``stack_bytes`` is how deep the stack went.
    ``value`` is what the function returned in r0.
    """

    instructions: int
    cycles_modelled: int | None
    stack_bytes: int
    value: int


def untouched(stack: bytes) -> int:
    """Bytes at the far end of a painted stack that were never written."""
    return len(stack) - len(stack.lstrip(bytes([PAINT])))
