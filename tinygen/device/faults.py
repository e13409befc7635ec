"""A line that does on purpose what lines do by accident, to show that nothing is lost on one."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygen.device.transport import Transport

_LONGEST_GARBAGE = 40  # bytes
_LONGEST_PAUSE = 0.004  # seconds between the parts of a frame


@dataclass(frozen=True)
class Faults:
    """How likely each fault is to happen to a frame, from 0 to 1.

    drop       the frame is not there
    corrupt    one to three of its bytes are others, delimiters included, so that frames also run
               together or fall apart
    duplicate  it comes twice
    delay      it comes up to ``longest_delay`` seconds late, and others may overtake it
    split      it comes in parts, with a pause in between
    garbage    other bytes come before it
    reset      the device restarts before, in the middle of or after a request
    """

    drop: float = 0.0
    corrupt: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.0
    split: float = 0.0
    garbage: float = 0.0
    reset: float = 0.0
    longest_delay: float = 0.1


@dataclass
class FaultCounts:
    """How many frames each fault has happened to."""

    dropped: int = 0
    corrupted: int = 0
    duplicated: int = 0
    delayed: int = 0
    split: int = 0
    garbled: int = 0
    resets: int = 0


@dataclass
class _Way:
    """One direction of the line: what is still to arrive, and when; ``busy`` until a time."""

    pending: list[tuple[float, bytes]] = field(default_factory=list)
    busy: float = 0.0

    def put(self, data: bytes, due: float) -> None:
        self.pending.append((max(due, self.busy), data))
        self.pending.sort(key=lambda item: item[0])  # stable: what is due together keeps its order

    def take(self) -> list[bytes]:
        now = time.monotonic()
        arrived = [data for due, data in self.pending if due <= now]
        self.pending = self.pending[len(arrived) :]
        return arrived


class FaultyTransport:
    """Another transport, made worse in both directions.

    ``restart`` resets the device, for which the rate of resets asks. ``seed`` makes the faults
    repeatable, as far as the device's answers come at the same times.
    """

    def __init__(
        self,
        line: Transport,
        faults: Faults,
        *,
        seed: int,
        restart: Callable[[], None] | None = None,
    ) -> None:
        if faults.reset and restart is None:
            raise ValueError("a line cannot reset a device that it does not know how to reset")
        self.name = line.name
        self.baud = line.baud
        self.counts = FaultCounts()
        self._line = line
        self._faults = faults
        self._restart = restart
        self._random = random.Random(seed)  # noqa: S311 (repeatable, not secret)
        self._incomplete = b""
        self._out, self._in = _Way(), _Way()

    def write(self, data: bytes) -> None:
        """Sends one frame, or not, or not as it was."""
        self._mangle(data, self._out)
        when = self._random.choice(("before", "within", "after"))
        if self._happens(self._faults.reset) and self._restart:
            self.counts.resets += 1
            if when == "within":
                self._send(cut=self._random.randrange(1, len(data)))
            elif when == "after":
                self._send()
            self._restart()
        self._send()

    def read(self, timeout: float) -> bytes:
        """What has arrived by now, waiting at most ``timeout`` seconds for the first byte."""
        until = time.monotonic() + timeout
        while True:
            self._send()
            due = min([until, *(at for way in (self._out, self._in) for at, _ in way.pending[:1])])
            self._receive(self._line.read(max(due - time.monotonic(), 0)))
            arrived = b"".join(self._in.take())
            if arrived or time.monotonic() >= until:
                return arrived

    def close(self) -> None:
        """Lets go of the line."""
        self._line.close()

    def _send(self, cut: int | None = None) -> None:
        """Puts on the line what is due; with ``cut`` only so many bytes of it for now."""
        data = b"".join(self._out.take())
        if cut is not None and data[cut:]:
            self._out.pending.insert(0, (0.0, data[cut:]))
        if data[:cut]:
            self._line.write(data[:cut])

    def _receive(self, data: bytes) -> None:
        *frames, self._incomplete = (self._incomplete + data).split(b"\0")
        for frame in frames:
            self._mangle(frame + b"\0", self._in)

    def _happens(self, rate: float) -> bool:
        return self._random.random() < rate

    def _mangle(self, frame: bytes, way: _Way) -> None:
        faults, counts = self._faults, self.counts
        now = time.monotonic()
        if not frame.strip(b"\0"):
            way.put(frame, now)
            return
        if self._happens(faults.drop):
            counts.dropped += 1
            return
        if self._happens(faults.corrupt):
            counts.corrupted += 1
            damaged = bytearray(frame)
            for _ in range(self._random.randint(1, 3)):
                damaged[self._random.randrange(len(damaged))] ^= self._random.randint(1, 255)
            frame = bytes(damaged)
        if self._happens(faults.duplicate):
            counts.duplicated += 1
            frame += frame
        if self._happens(faults.garbage):
            counts.garbled += 1
            frame = self._random.randbytes(self._random.randint(1, _LONGEST_GARBAGE)) + frame
        if self._happens(faults.delay):
            counts.delayed += 1
            way.put(frame, now + self._random.uniform(0, faults.longest_delay))
        elif self._happens(faults.split):
            counts.split += 1
            cut = self._random.randrange(1, len(frame))
            way.put(frame[:cut], now)
            way.busy = max(way.busy, now) + self._random.uniform(0, _LONGEST_PAUSE)
            way.put(frame[cut:], now)
        else:
            way.put(frame, now)
