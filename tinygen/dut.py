"""The device under test: a plugged-in board or an emulated one, behind one session."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from tinygen.device import emulators
from tinygen.device.protocol import Counter
from tinygen.device.session import Expected, Session
from tinygen.device.transport import SerialTransport, find_port
from tinygen.errors import ConfigError
from tinygen.report.run import Figures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tinygen.built import Built
    from tinygen.device.emulators.running import RunningEmulator
    from tinygen.device.transport import Transport
    from tinygen.progress import Progress

Unit: TypeAlias = Literal["cycles", "instructions", "ticks"]


class Device(Protocol):
    """Something that answers over the protocol, and knows what its ticks are.

    ``kind`` is ``board``, ``unicorn`` or ``qemu``.
    """

    session: Session
    kind: str

    @property
    def unit(self) -> Unit:
        """What :meth:`profile` counts."""
        ...

    def figures(self, inputs: Sequence[bytes]) -> Figures:
        """What one inference on these inputs takes."""
        ...

    def profile(self, inputs: Sequence[bytes]) -> dict[str, int]:
        """What every layer takes in one inference on these inputs, in execution order."""
        ...


class RealBoard:
    """A board: only its cycle counter gives cycles."""

    kind = "board"

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    def unit(self) -> Unit:
        """Cycles where the counter counts them, else the counter's own ticks."""
        return (
            "cycles"
            if self.session.device.counter in (Counter.CYCLES, Counter.SYSTICK)
            else "ticks"
        )

    def figures(self, inputs: Sequence[bytes]) -> Figures:
        """What one inference on these inputs takes."""
        ticks = self.session.infer(inputs).ticks
        return Figures(
            device=self.kind,
            cycles=ticks if self.unit == "cycles" else None,
            stack_bytes=self.session.memory().stack_high_water,
        )

    def profile(self, inputs: Sequence[bytes]) -> dict[str, int]:
        """What every layer takes in one inference on these inputs, in execution order."""
        names = [layer.name for layer in self.session.layers()]
        return dict(zip(names, self.session.profile(inputs), strict=True))


class EmulatedBoard:
    """An emulator: it knows the instructions exactly, and cycles only by a model."""

    unit: Unit = "instructions"

    def __init__(self, session: Session, emulator: RunningEmulator, kind: str) -> None:
        self.session = session
        self.kind = kind
        self._emulator = emulator

    def figures(self, inputs: Sequence[bytes]) -> Figures:
        """What one inference on these inputs takes."""
        self._emulator.clear_counts()
        ticks = self.session.infer(inputs).ticks
        counts = self._emulator.counts()
        counted = self._instructions(ticks) if counts is None else counts.instructions
        return Figures(
            device=self.kind,
            instructions=counted,
            cycles_modelled=None if counts is None else counts.cycles_modelled,
            stack_bytes=self.session.memory().stack_high_water,
            layers=self.profile(inputs),
        )

    def profile(self, inputs: Sequence[bytes]) -> dict[str, int]:
        """What every layer takes in one inference on these inputs, in execution order."""
        layers = zip(self.session.layers(), self.session.profile(inputs), strict=True)
        return {layer.name: self._instructions(ticks) for layer, ticks in layers}

    def _instructions(self, ticks: int) -> int:
        return self._emulator.instructions(ticks, self.session.device.counter_hz)


class Bench:
    """Where the device answers: a board at its port, or an emulator that runs.

    ``emulator`` is None for a board. Sessions are opened one after another.
    """

    def __init__(
        self, under_test: Built, url: str, baud: int, emulator: RunningEmulator | None = None
    ) -> None:
        self.under_test = under_test
        self.emulator = emulator
        self._url = url
        self._baud = baud

    @contextmanager
    def connect(
        self, through: Callable[[Transport], Transport] = lambda line: line
    ) -> Iterator[Device]:
        """A conversation with the device; it is checked that it runs this very build.

        ``through`` may put something between the session and the line. Raises DeviceError when the
        line cannot be opened; the session does when the device does not answer, or runs something
        else.
        """
        line = through(SerialTransport(self._url, self._baud))
        expected = Expected(self.under_test.model_sha256, self.under_test.build_id)
        with Session(line, expected) as session:
            described = self.under_test.board.emulator
            if self.emulator is None or described is None:
                yield RealBoard(session)
            else:
                yield EmulatedBoard(session, self.emulator, described.kind)


@contextmanager
def bench(
    under_test: Built,
    port: str | None,
    *,
    emulator: bool,
    progress: Progress,
    baud: int | None = None,
    remote: RunningEmulator | None = None,
) -> Iterator[Bench]:
    """The board's port, or the board in its emulator, which runs until the end.

    ``baud`` is for a port that is not as fast as the board's console says; ``remote`` is the
    emulator behind a port where somebody else runs one. Raises ConfigError when the firmware speaks
    another protocol; DeviceError when no board is plugged in; BoardError when the board has no
    emulator, ToolchainError when that is not installed.
    """
    board = under_test.board
    if under_test.personality != "tinygen":
        raise ConfigError(
            f"the firmware for {board.name} speaks the protocol of {under_test.personality}; "
            "build it without --personality to test it, or see 'tinygen mlperf --help'"
        )
    if emulator:
        progress.step(f"starting an emulated {board.title}")
        with emulators.start(board, under_test.elf) as running:
            yield Bench(under_test, running.url, board.console.baud, running)
        return
    url = port if port is not None else find_port(board.name, board.usb_ids)
    progress.step(f"talking to {url}")
    yield Bench(under_test, url, baud or board.console.baud, remote)


@contextmanager
def connect(
    under_test: Built, port: str | None, *, emulator: bool, progress: Progress
) -> Iterator[Device]:
    """The device that runs this firmware: :func:`bench` and :meth:`Bench.connect` in one."""
    with (
        bench(under_test, port, emulator=emulator, progress=progress) as place,
        place.connect() as device,
    ):
        yield device
