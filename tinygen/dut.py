"""The device under test: a plugged-in board or an emulated one, behind one session."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from tinygen.device import emulators
from tinygen.device.protocol import Counter
from tinygen.device.session import Expected, Session
from tinygen.device.transport import SerialTransport, find_port
from tinygen.report.run import Figures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tinygen.built import Built
    from tinygen.device.emulators.running import RunningEmulator
    from tinygen.progress import Progress


class Device(Protocol):
    """Something that answers over the protocol, and knows what its ticks are."""

    session: Session

    def figures(self, inputs: Sequence[bytes]) -> Figures:
        """What one inference on these inputs takes."""
        ...


class RealBoard:
    """A board: only its cycle counter gives cycles."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def figures(self, inputs: Sequence[bytes]) -> Figures:
        """What one inference on these inputs takes."""
        ticks = self.session.infer(inputs).ticks
        counts_cycles = self.session.device.counter == Counter.CYCLES
        return Figures(
            device="board",
            cycles=ticks if counts_cycles else None,
            stack_bytes=self.session.memory().stack_high_water,
        )


class EmulatedBoard:
    """An emulator: it knows the instructions exactly, and cycles only by a model."""

    def __init__(self, session: Session, emulator: RunningEmulator, kind: str) -> None:
        self.session = session
        self._emulator = emulator
        self._kind = kind

    def figures(self, inputs: Sequence[bytes]) -> Figures:
        """What one inference on these inputs takes."""
        self._emulator.clear_counts()
        ticks = self.session.infer(inputs).ticks
        counts = self._emulator.counts()
        layers = zip(self.session.layers(), self.session.profile(inputs), strict=True)
        counted = self._instructions(ticks) if counts is None else counts.instructions
        return Figures(
            device=self._kind,
            instructions=counted,
            cycles_modelled=None if counts is None else counts.cycles_modelled,
            stack_bytes=self.session.memory().stack_high_water,
            layers={layer.name: self._instructions(spent) for layer, spent in layers},
        )

    def _instructions(self, ticks: int) -> int:
        return self._emulator.instructions(ticks, self.session.device.counter_hz)


@contextmanager
def connect(
    under_test: Built, port: str | None, *, emulator: bool, progress: Progress
) -> Iterator[Device]:
    """The device that runs this firmware; it is checked that it does.

    Raises DeviceError when there is none, or it does not answer, or runs something else;
    BoardError when the board has no emulator, ToolchainError when that is not installed.
    """
    board = under_test.board
    expected = Expected(model_sha256=under_test.model_sha256)
    if emulator:
        progress.step(f"starting an emulated {board.title}")
        with (
            emulators.start(board, under_test.elf) as running,
            Session(SerialTransport(running.url, board.console.baud), expected) as session,
        ):
            assert board.emulator is not None  # else start has refused
            yield EmulatedBoard(session, running, board.emulator.kind)
        return
    url = port if port is not None else find_port(board.name, board.usb_ids)
    progress.step(f"talking to {url}")
    with Session(SerialTransport(url, board.console.baud), expected) as session:
        yield RealBoard(session)
