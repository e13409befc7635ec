"""A board under unicorn, in a process of its own (see server.py)."""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
import sys
import tempfile
from typing import IO, TYPE_CHECKING, Any

from tinygen.device.emulators.running import Counts
from tinygen.errors import DeviceError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from tinygen.boards import Board

_START_SECONDS = 30
_ANSWER_SECONDS = 120


class UnicornBoard:
    """The running board. Raises DeviceError when it does not come up, or has ended by itself."""

    def __init__(self, board: Board, elf: Path) -> None:
        self._board = board.name
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the process)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tinygen.device.emulators.server", str(board.path), str(elf)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        try:
            started = self._answer(_START_SECONDS)
            if "error" in started:
                raise DeviceError(f"the emulated board does not start: {started['error']}")
        except BaseException:
            self.close()
            raise
        self.url = f"socket://127.0.0.1:{started['port']}"

    def instructions(self, ticks: int, counter_hz: int) -> int:
        """The modelled cycle counter counts instructions."""
        return ticks

    def counts(self) -> Counts:
        """What ran inside the trigger window, once the board is idle."""
        answer = self._ask("counts")
        return Counts(answer["windows"], answer["instructions"], answer["cycles_modelled"])

    def clear_counts(self) -> None:
        """Starts counting afresh."""
        self._ask("clear")

    def watch_trigger(self, stream: Path) -> None:
        """Writes a line per edge of the trigger pin: its level, and the instructions so far.

        ``stream`` is a file, or a named pipe that somebody has opened for reading. An imitation of
        a power meter can listen to it as the real one listens to the pin.
        """
        self._ask(f"watch {stream}")

    def reset(self) -> None:
        """Resets the board in the middle of whatever it does; its RAM keeps its contents."""
        self._ask("reset")

    def close(self) -> None:
        """Ends the board's process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            _close(stream)

    def __enter__(self) -> UnicornBoard:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, command: str) -> dict[str, Any]:
        assert self._process.stdin
        with contextlib.suppress(OSError):  # the missing answer tells why
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
        return self._answer(_ANSWER_SECONDS)

    def _answer(self, seconds: float) -> dict[str, Any]:
        output = self._process.stdout
        assert output
        ready, _, _ = select.select([output], [], [], seconds)
        line = output.readline() if ready else ""
        if line:
            return dict(json.loads(line))
        if ready:
            self._process.wait()
            self._errors.seek(0)
            reason = self._errors.read().strip().splitlines()[-1:] or ["no message"]
            raise DeviceError(
                f"the emulated board {self._board} ended with exit code {self._process.returncode} "
                f"({reason[0]}); report this with the image"
            )
        raise DeviceError(
            f"the emulated board {self._board} does not come to rest within {seconds:g} s; the "
            "firmware is in an endless loop"
        )


def _close(stream: IO[str] | None) -> None:
    if stream:
        with contextlib.suppress(OSError):  # unsent commands to a process that has ended
            stream.close()
