"""The host's side of MLPerf Tiny's serial protocol, as far as tinygen needs it.

Commands are words that end with ``%``. The answer is lines, the last of them ``m-ready``; a line
``e-[...]`` says what is wrong.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.device.transport import Transport

READY = "m-ready"
_PROMPT_SECONDS = 5.0
_INFERENCE_SECONDS = 60.0
_BYTES_PER_COMMAND = 31  # as the runner sends them: 66 of the 80 characters of a command
_SHOWN = 200


@dataclass(frozen=True)
class Line:
    """A line of an answer and when it came, in seconds of the host's clock."""

    text: str
    at: float


@dataclass(frozen=True)
class Inferences:
    """What an ``infer`` gave: the time between its timestamps, and the result of the last one.

    ``seconds`` is by the device's clock in performance mode; in energy mode, where the device gives
    edges on a pin, by the host's.
    """

    seconds: float
    results: tuple[float, ...]


class Client:
    """A conversation with a device. Raises DeviceError where it falls silent or refuses."""

    def __init__(self, line: Transport) -> None:
        self._line = line
        self._unread = b""
        self._synchronize()

    def ask(self, command: str, timeout: float = _PROMPT_SECONDS) -> list[Line]:
        """The answer to a command, without its last line.

        ``timeout`` is the longest silence between two lines, in seconds.
        """
        self._line.write(command.encode("ascii") + b"%")
        lines: list[Line] = []
        while (line := self._read_line(command, timeout)).text != READY:
            lines.append(line)
        refusals = [line.text for line in lines if line.text.startswith("e-[")]
        if refusals:
            raise DeviceError(
                f"{self._line.name} refuses {_shortened(command)!r}: {refusals[0][3:-1]}; "
                "see that the board runs the firmware of this folder"
            )
        return lines

    def model(self) -> str:
        """The model's id, such as ``kws01``."""
        return self._field("profile", r"m-model-\[(.+)\]")

    def name(self) -> str:
        """What the device calls itself."""
        return self._field("name", r"m-name-dut-\[(.+)\]")

    def load(self, data: bytes) -> None:
        """Sends the input of one inference."""
        self.ask(f"db load {len(data)}")
        for start in range(0, len(data), _BYTES_PER_COMMAND):
            self.ask("db " + data[start : start + _BYTES_PER_COMMAND].hex())

    def infer(self, count: int, warmups: int = 0) -> Inferences:
        """Runs inferences on what was loaded, ``count`` of them between two timestamps."""
        lines = self.ask(f"infer {count} {warmups}", _INFERENCE_SECONDS)
        laps = [int(found[1]) for line in lines if (found := _match(r"m-lap-us-(\d+)", line))]
        (results,) = (found[1] for line in lines if (found := _match(r"m-results-\[(.+)\]", line)))
        seconds = (laps[1] - laps[0]) / 1e6 if laps else _between(lines)
        return Inferences(seconds, tuple(map(float, results.split(","))))

    def _field(self, command: str, pattern: str) -> str:
        for line in self.ask(command):
            if found := _match(pattern, line):
                return found[1]
        raise DeviceError(f"{self._line.name} gives no {command}; flash the firmware again")

    def _synchronize(self) -> None:
        """Ends whatever the device was told before, and reads past what it has said to that."""
        self._line.write(b"%name%")
        while not self._read_line("name", _PROMPT_SECONDS).text.startswith("m-name-dut-"):
            pass
        while self._read_line("name", _PROMPT_SECONDS).text != READY:
            pass

    def _read_line(self, command: str, timeout: float) -> Line:
        deadline = time.monotonic() + timeout
        while b"\n" not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0:
                said = f"only {self._unread[:_SHOWN]!r}" if self._unread else "nothing"
                raise DeviceError(
                    f"{self._line.name} answers {_shortened(command)!r} with {said} for "
                    f"{timeout:g} s; see that the board runs firmware of the personality "
                    f"mlperf-tiny and that it talks at {self._line.baud} baud"
                )
            self._unread += self._line.read(left)
        text, _, self._unread = self._unread.partition(b"\n")
        return Line(text.decode("ascii", "replace").strip("\r\0"), time.monotonic())


def _shortened(command: str) -> str:
    return command if len(command) <= 20 else command[:17] + "..."


def _match(pattern: str, line: Line) -> re.Match[str] | None:
    return re.fullmatch(pattern, line.text)


def _between(lines: Sequence[Line]) -> float:
    """Seconds of the host's clock between the lines that stand around the timestamps."""
    start = next(line.at for line in lines if line.text.startswith("m-infer-start-"))
    return next(line.at for line in lines if line.text == "m-infer-done") - start
