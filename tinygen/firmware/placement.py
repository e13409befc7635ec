"""Which RAM of the board holds what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen.errors import BudgetError

if TYPE_CHECKING:
    from collections.abc import Collection

    from tinygen.boards import Board, Memory

STACK_BYTES = 4096
HANDLER_STACK_BYTES = 1024
# What the firmware itself keeps in RAM: frames, the console's queue, the handlers' stack. The build
# fails if this is too little; here it decides what still fits beside an arena.
STATIC_BYTES = 5120 + HANDLER_STACK_BYTES
_ALIGNMENT = 32
# What firmware/cortex_m/stack.c makes inaccessible below the stack.
_GUARD_BYTES = 1 << 16


@dataclass(frozen=True)
class Placement:
    """The names of the RAM regions that the parts of a firmware lie in; ``spare`` has most left."""

    stack: str
    arena: str
    statics: str
    spare: str


def place(
    board: Board, arena_bytes: int, stack_bytes: int = STACK_BYTES, more_static_bytes: int = 0
) -> Placement:
    """Choose the fastest RAM that has room: for the stack, then the arena, then everything else.

    ``more_static_bytes`` is what a firmware keeps in RAM beyond what every one does.
    Raises BudgetError when the board has too little RAM.
    """
    return _place(board, arena_bytes, stack_bytes, more_static_bytes)[0]


def room_left(
    board: Board, arena_bytes: int, stack_bytes: int = STACK_BYTES, more_static_bytes: int = 0
) -> dict[str, int]:
    """Bytes of every RAM that :func:`place` leaves; it raises the same errors."""
    return _place(board, arena_bytes, stack_bytes, more_static_bytes)[1]


def _place(
    board: Board, arena_bytes: int, stack_bytes: int, more_static_bytes: int
) -> tuple[Placement, dict[str, int]]:
    free = {region.name: region.bytes for region in board.ram}

    def take(what: str, size: int, among: Collection[str] = tuple(free)) -> str:
        size = -(-size // _ALIGNMENT) * _ALIGNMENT
        for name in among:
            if size <= free[name]:
                free[name] -= size
                return name
        rooms = " and ".join(f"{room:,} in {name}" for name, room in free.items())
        raise BudgetError(
            f"{what} needs {size:,} bytes of RAM in one piece, but {board.name} has {rooms} left; "
            "take a smaller model, --objective ram or a larger board"
        )

    guardable = [region.name for region in board.ram if not _follows_another(region, board)]
    stack = take("the stack", stack_bytes, guardable)
    arena = take("the arena", arena_bytes)
    statics = take("the firmware", STATIC_BYTES + more_static_bytes)
    return Placement(stack, arena, statics, max(free, key=lambda name: free[name])), free


def _follows_another(region: Memory, board: Board) -> bool:
    """Whether memory of ours lies where the guard of a stack at the start of a region would."""
    return any(
        other.origin < region.origin < other.end + _GUARD_BYTES
        for other in board.memory
        if other != region
    )
