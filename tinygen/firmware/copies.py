"""What a firmware copies out of slow flash into fast memory when it starts: hot code and constants.

Only memory that nothing else needs is used, and only where the flash makes the core wait: functions
go beside the core's instruction bus (a region of kind ``code``), constants into RAM, that which
answers soonest first. Where not everything has room, what is read most often per byte goes first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tinygen.device.memory_model import delay
from tinygen.firmware.placement import STACK_BYTES, place, room_left

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tinygen.boards import Board

# Between functions in fast memory and those in flash, the linker puts pieces of code of its own.
_VENEERS = 256
_ALIGNMENT = 8


@dataclass(frozen=True)
class Symbol:
    """A function or constant of a network, and how often an inference reads it.

    ``reads`` are executed instructions or loads. ``address`` is where it lies in the image that was
    measured.
    """

    name: str
    kind: Literal["function", "constant"]
    address: int
    nbytes: int
    reads: int

    @property
    def section(self) -> str:
        """The input section of the linker that holds it and nothing else."""
        return f".{'text' if self.kind == 'function' else 'rodata'}.{self.name}"

    @property
    def room(self) -> int:
        """Bytes it takes, with what aligning the next one may cost."""
        return -(-self.nbytes // _ALIGNMENT) * _ALIGNMENT


@dataclass(frozen=True)
class Copies:
    """The symbols that are copied, by the name of the region that they are copied to."""

    regions: Mapping[str, tuple[Symbol, ...]] = field(default_factory=dict)

    @property
    def symbols(self) -> frozenset[Symbol]:
        """All of them."""
        return frozenset(symbol for symbols in self.regions.values() for symbol in symbols)


NONE = Copies()


def choose(
    board: Board,
    arena_bytes: int,
    symbols: Iterable[Symbol],
    *,
    max_ram: int | None = None,
    stack_bytes: int = STACK_BYTES,
    more_static_bytes: int = 0,
) -> Copies:
    """What to copy where.

    ``max_ram`` limits the arena and the copies together. Raises BudgetError when the board has too
    little RAM for the arena.
    """
    if board.flash.access is None:
        return NONE
    left = (max_ram or 1 << 32) - arena_bytes
    placement = place(board, arena_bytes, stack_bytes, more_static_bytes)
    free = room_left(board, arena_bytes, stack_bytes, more_static_bytes)
    # Measuring many inferences keeps the inputs, which are part of the arena, in the spare memory.
    free[placement.spare] -= arena_bytes
    faster = [r for r in board.ram if delay(board, r) < delay(board, board.flash)]
    faster.sort(key=lambda region: delay(board, region))
    rooms: dict[str, dict[str, int]] = {
        "function": {r.name: r.bytes - _VENEERS for r in board.memory if r.kind == "code"},
        "constant": {region.name: free[region.name] for region in faster},
    }
    chosen: dict[str, list[Symbol]] = {}
    read = (symbol for symbol in symbols if symbol.reads)
    for symbol in sorted(read, key=lambda s: (-s.reads / s.nbytes, s.name)):
        room = rooms[symbol.kind]
        name = next((name for name, bytes_ in room.items() if symbol.room <= bytes_), None)
        if name is not None and symbol.room <= left:
            room[name] -= symbol.room
            left -= symbol.room
            chosen.setdefault(name, []).append(symbol)
    return Copies({name: tuple(chosen[name]) for name in sorted(chosen)})
