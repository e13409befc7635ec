"""The device under test: a plugged-in board or an emulator, behind one session."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tinygen.device.protocol import Counter
from tinygen.device.session import Expected, Session
from tinygen.device.transport import SerialTransport, find_port
from tinygen.report.run import Figures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tinygen.built import Built
    from tinygen.progress import Progress


class Board:
    """A real board: its cycle counter counts cycles."""

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


@contextmanager
def connect(
    firmware: Built, port: str | None, *, emulator: bool, progress: Progress
) -> Iterator[Board]:
    """The device that runs this firmware; it is checked that it does.

    Raises DeviceError when there is none, or it does not answer, or runs something else.
    """
    board = firmware.board
    url = port if port is not None else find_port(board.name, board.usb_ids)
    progress.step(f"talking to {url}")
    expected = Expected(model_sha256=firmware.model_sha256)
    with Session(SerialTransport(url, board.console.baud), expected) as session:
        yield Board(session)
