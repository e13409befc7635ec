"""The requests that one inference is made of; docs/protocol.md has their fields."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen.device.protocol import Command

if TYPE_CHECKING:
    from collections.abc import Iterator

_WRITE_HEADER = struct.Struct("<BI")
_READ_OUTPUT = struct.Struct("<BIH")
_READ_ARENA = struct.Struct("<IH")
_SHORT_ANSWER = 16  # bytes of an answer with a few fields


@dataclass(frozen=True)
class Request:
    """A command with its payload, and about how many bytes its answer has."""

    command: Command
    payload: bytes
    answer_bytes: int = _SHORT_ANSWER


def write_input(index: int, data: bytes, max_payload: int) -> Iterator[Request]:
    """One whole input tensor, in parts."""
    step = max_payload - _WRITE_HEADER.size
    for offset in range(0, len(data), step):
        header = _WRITE_HEADER.pack(index, offset)
        yield Request(Command.WRITE_INPUT, header + data[offset : offset + step])


def run(count: int = 1) -> Request:
    """So many inferences."""
    return Request(Command.RUN, struct.pack("<I", count))


def read_output(index: int, nbytes: int, max_payload: int) -> Iterator[Request]:
    """One whole output tensor, in parts of exactly ``answer_bytes``."""
    for offset, part in _parts(0, nbytes, max_payload):
        yield Request(Command.READ_OUTPUT, _READ_OUTPUT.pack(index, offset, part), part)


def read_arena(offset: int, nbytes: int, max_payload: int) -> Iterator[Request]:
    """Bytes of the arena, in parts of exactly ``answer_bytes``."""
    for at, part in _parts(offset, nbytes, max_payload):
        yield Request(Command.READ_ARENA, _READ_ARENA.pack(at, part), part)


def _parts(offset: int, nbytes: int, max_payload: int) -> Iterator[tuple[int, int]]:
    step = max_payload - 1  # the status takes one
    for at in range(offset, offset + nbytes, step):
        yield at, min(step, offset + nbytes - at)
