"""What a running emulator is to the rest of tinygen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from types import TracebackType


@dataclass(frozen=True)
class Counts:
    """What ran while the trigger pin was high, since the last clear.

    ``windows`` is how often it went high, ``instructions`` is exact. ``cycles_modelled`` comes from
    the core's cost table (docs/cycle-model.md); None for a core without one.
    """

    windows: int
    instructions: int
    cycles_modelled: int | None


class RunningEmulator(Protocol):
    """An emulated board, as a context manager that ends it.

    ``url`` is its console for pyserial. :meth:`instructions` turns the ticks that the firmware
    reports into executed instructions.
    """

    url: str

    def instructions(self, ticks: int, counter_hz: int) -> int:
        """Executed instructions of so many ticks of the board's counter."""
        ...

    def counts(self) -> Counts | None:
        """What ran inside the trigger window, None where the emulator cannot tell."""
        ...

    def clear_counts(self) -> None:
        """Starts counting afresh."""
        ...

    def close(self) -> None:
        """Ends the emulator."""
        ...

    def __enter__(self) -> RunningEmulator: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
