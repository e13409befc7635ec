"""A line that drops, damages and repeats frames on purpose, to show that nothing is lost on one."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinygen.device.transport import Transport


@dataclass
class FaultCounts:
    """How many frames were dropped, damaged and repeated."""

    dropped: int = 0
    corrupted: int = 0
    duplicated: int = 0


class FaultyTransport:
    """Another transport, made worse: each rate applies to every frame, in both directions.

    A damaged frame has one to three of its bytes replaced, delimiters included, so that frames
    also run together or fall apart. ``seed`` makes a run repeatable.
    """

    def __init__(
        self, line: Transport, *, drop: float, corrupt: float, duplicate: float, seed: int
    ) -> None:
        self.name = line.name
        self.baud = line.baud
        self.counts = FaultCounts()
        self._line = line
        self._drop, self._corrupt, self._duplicate = drop, corrupt, duplicate
        self._random = random.Random(seed)  # noqa: S311 (repeatable, not secret)
        self._incoming = b""

    def write(self, data: bytes) -> None:
        """Sends one frame, or not, or not as it was."""
        mangled = self._mangle(data)
        if mangled:
            self._line.write(mangled)

    def read(self, timeout: float) -> bytes:
        """What has arrived of whole frames, each of them mangled."""
        self._incoming += self._line.read(timeout)
        *frames, self._incoming = self._incoming.split(b"\0")
        return b"".join(self._mangle(frame + b"\0") for frame in frames)

    def close(self) -> None:
        """Lets go of the line."""
        self._line.close()

    def _mangle(self, frame: bytes) -> bytes:
        if not frame.strip(b"\0"):
            return frame
        if self._random.random() < self._drop:
            self.counts.dropped += 1
            return b""
        if self._random.random() < self._corrupt:
            self.counts.corrupted += 1
            damaged = bytearray(frame)
            for _ in range(self._random.randint(1, 3)):
                damaged[self._random.randrange(len(damaged))] ^= self._random.randint(1, 255)
            frame = bytes(damaged)
        if self._random.random() < self._duplicate:
            self.counts.duplicated += 1
            frame += frame
        return frame
