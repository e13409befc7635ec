"""A board that was lent by a coordinator."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen.rig import flashing
from tinygen.rig.remote_emulator import RemoteEmulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinygen.built import Built
    from tinygen.progress import Progress
    from tinygen.rig.coordinator import Coordinator
    from tinygen.rig.place import Place


@dataclass(frozen=True)
class Loan:
    """A place that ``coordinator`` holds for us."""

    coordinator: Coordinator
    place: Place

    @property
    def emulated(self) -> bool:
        """Whether an emulator stands in for the board."""
        return self.place.probe is not None

    @contextlib.contextmanager
    def flashed(self, firmware: Built, progress: Progress) -> Iterator[RemoteEmulator | None]:
        """The board with this firmware on it: its emulator, None for a real one.

        Raises what :func:`tinygen.rig.flashing.flash` does.
        """
        flashing.flash(self.coordinator, self.place, firmware, progress)
        if self.place.probe is None:
            yield None
            return
        with RemoteEmulator(self.place.console, self.place.probe) as emulator:
            yield emulator
