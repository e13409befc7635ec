"""One request at a time, repeated until its answer arrives whole."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen.device.protocol import Command, FrameReader, Status, encode
from tinygen.device.timing import AnswerTime
from tinygen.errors import DeviceError

if TYPE_CHECKING:
    from tinygen.device.protocol import Frame
    from tinygen.device.transport import Transport

_STARTS_WITH = 32  # bytes of noise that an error message shows
_REBUILD = "rebuild and flash its firmware with this version of tinygen"


class LostTrackError(DeviceError):
    """The device does not know this conversation (any more): it was reset."""


@dataclass
class Statistics:
    """What the line cost: bytes both ways, requests, repetitions, resets of the device.

    ``taken_up`` counts how often samples that were under way together were begun again.
    ``frames_dropped`` counts what arrived between two delimiters and was no valid frame.
    """

    bytes_sent: int = 0
    bytes_received: int = 0
    requests: int = 0
    retries: int = 0
    restarts: int = 0
    taken_up: int = 0
    frames_dropped: int = 0


@dataclass(frozen=True)
class Sent:
    """A request on its way: its number, its bytes on the line, and when it was sent (seconds)."""

    sequence: int
    nbytes: int
    at: float


class Link:
    """Requests and answers over a transport; see docs/protocol.md on sequence numbers.

    ``shortest_wait`` (seconds) is the least time before a request is repeated.
    """

    def __init__(self, transport: Transport, shortest_wait: float = 0.05) -> None:
        self.transport = transport
        self.statistics = Statistics()
        self._reader = FrameReader()
        # A random start keeps answers to a conversation that was broken off from being taken.
        self._sequence = secrets.randbelow(0xFFFF) + 1
        self._shortest_wait = shortest_wait
        self._answer_times: dict[Command, AnswerTime] = {}
        self._noise = b""
        self._answered = False

    def request(
        self, command: Command, payload: bytes, *, patience: float, answer_bytes: int
    ) -> bytes:
        """The fields after the status byte of the answer, of about ``answer_bytes`` bytes.

        Raises LostTrackError when the device was reset meanwhile, DeviceError when it refuses the
        request or does not answer within ``patience`` seconds.
        """
        self.statistics.requests += 1
        self._sequence = self._sequence % 0xFFFF + 1
        request = encode(command, self._sequence, payload)
        on_the_line = 10 * (len(request) + answer_bytes) / self.transport.baud
        answer_time = self.answer_time(command)
        deadline = time.monotonic() + patience
        retries = 0
        while (started := time.monotonic()) < deadline:
            self._write(request)
            answer = self._await(
                command, min(started + on_the_line + answer_time.after(retries), deadline)
            )
            if answer:
                answer_time.learn(time.monotonic() - started, retries)
                return self.accept(command, answer)
            retries += 1
            self.statistics.retries += 1
        raise DeviceError(f"{self._where} {self._silence(command, patience)}")

    def send(self, command: Command, payload: bytes) -> Sent:
        """Sends a request without waiting for its answer."""
        self.statistics.requests += 1
        self._sequence = self._sequence % 0xFFFF + 1
        request = encode(command, self._sequence, payload)
        sent = Sent(self._sequence, len(request), time.monotonic())
        self._write(request)
        return sent

    def receive(self, until: float) -> list[Frame]:
        """The frames that came in, waiting for the next bytes until that time at the latest."""
        data = self.transport.read(until - time.monotonic())
        self.statistics.bytes_received += len(data)
        self._noise += data[: _STARTS_WITH - len(self._noise)]
        frames = self._reader.feed(data)
        self.statistics.frames_dropped = self._reader.dropped
        return frames

    def answer_time(self, command: Command) -> AnswerTime:
        """How long this command takes to be answered, as far as is known."""
        return self._answer_times.setdefault(command, AnswerTime(self._shortest_wait))

    def accept(self, command: Command, answer: Frame) -> bytes:
        """The fields after the status byte of an answer.

        Raises LostTrackError when the device does not know the conversation, DeviceError when it
        refuses the request.
        """
        self._answered = True
        if answer.status == Status.OUT_OF_SEQUENCE:
            raise LostTrackError(f"{self._where} the device was reset in the middle of a sample")
        if answer.status != Status.OK:
            known = {status.value: status.name for status in Status}
            status = known.get(answer.status, str(answer.status))
            raise DeviceError(
                f"{self._where} the device refuses {command.name} ({status}); {_REBUILD}"
            )
        return answer.payload[1:]

    def _write(self, request: bytes) -> None:
        self.transport.write(request)
        self.statistics.bytes_sent += len(request)

    def _await(self, command: Command, until: float) -> Frame | None:
        while time.monotonic() < until:
            # Frames that do not fit are answers to earlier repetitions.
            frames = self.receive(until)
            answers = [f for f in frames if f.answers(command, self._sequence)]
            if answers:
                return answers[0]
        return None

    @property
    def _where(self) -> str:
        return f"{self.transport.name} at {self.transport.baud} baud:"

    def _silence(self, command: Command, patience: float) -> str:
        received = self.statistics.bytes_received
        if self._reader.other_version is not None:
            version = self._reader.other_version
            return f"the device speaks version {version} of the protocol; {_REBUILD}"
        if self._answered:
            return (
                f"no answer to {command.name} within {patience:g} s from a device that answered "
                f"before ({received} bytes received in all); reset the board and read its fault "
                "record"
            )
        if not received:
            return (
                f"no answer within {patience:g} s, 0 bytes received; see that the board is powered "
                "and flashed with a tinygen image, and that this is its console port"
            )
        beginning = f"{self._noise.hex(' ')} = {self._noise.decode('latin-1')!a}"
        return (
            f"no answer within {patience:g} s, and the {received} bytes received, which begin "
            f"{beginning}, are no frames; see that the baud rate is right and that the board runs "
            "a tinygen image"
        )
