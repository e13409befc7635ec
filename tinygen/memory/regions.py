"""Which of a board's memory regions takes the arena, and which the firmware's own data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen.errors import BoardError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Region:
    """A range of RAM: first address and size in bytes."""

    name: str
    origin: int
    nbytes: int


@dataclass(frozen=True)
class Needs:
    """Bytes of RAM that a firmware takes: the arena, its stack, and its own variables."""

    arena: int
    stack: int
    data: int


@dataclass(frozen=True)
class Placement:
    """Where the arena lies, and where stack and variables lie; both may be the same region."""

    arena: Region
    firmware: Region


def place(regions: Sequence[Region], needs: Needs, alignment: int = 16) -> Placement:
    """The first choice of regions, which come in order of preference, that holds everything.

    The arena takes the best region that leaves a home for stack and variables, which are kept
    together, because nearly all memory traffic of an inference goes to the arena. ``alignment`` is
    the arena's, in bytes. Raises BoardError where nothing fits, with the bytes needed and there.
    """
    for arena in regions:
        for firmware in regions:
            skipped = -arena.origin % alignment
            used = needs.arena + skipped
            own = needs.stack + needs.data
            if arena is firmware:
                fits = used + own <= arena.nbytes
            else:
                fits = used <= arena.nbytes and own <= firmware.nbytes
            if fits:
                return Placement(arena, firmware)
    available = ", ".join(f"{region.name} {region.nbytes}" for region in regions) or "none"
    raise BoardError(
        f"the board's RAM is too small: the arena needs {needs.arena} bytes, the stack "
        f"{needs.stack} and the firmware's data {needs.data}, and the regions have {available}; "
        "use a smaller model or a board with more RAM"
    )
