"""Frames, commands and answers of the device protocol; docs/protocol.md is the contract."""

from __future__ import annotations

import enum
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from cobs import cobs

from tinygen.errors import DeviceError

VERSION = 1
MAX_PAYLOAD = 1024
_HEADER = struct.Struct("<BBH")
_CRC = struct.Struct("<I")
_MAX_BODY = _HEADER.size + MAX_PAYLOAD + _CRC.size
# COBS adds one byte per 254, and one.
MAX_FRAME = _MAX_BODY + _MAX_BODY // 254 + 1
_ANSWER = 0x80


class Command(enum.IntEnum):
    """Command codes."""

    HELLO = 0x01
    WRITE_INPUT = 0x02
    RUN = 0x03
    READ_OUTPUT = 0x04
    RUN_PROFILED = 0x05
    LAYER_INFO = 0x06
    RUN_HASHED = 0x07
    READ_ARENA = 0x08
    MEMORY = 0x09
    FAULT = 0x0A
    RESET = 0x0B
    PROVOKE_FAULT = 0x0C


class Status(enum.IntEnum):
    """First byte of every answer."""

    OK = 0
    BAD_COMMAND = 1
    BAD_ARGUMENT = 2
    OUT_OF_SEQUENCE = 3
    BUSY = 4


class Counter(enum.IntEnum):
    """What the device's ticks count."""

    NONE = 0
    CYCLES = 1
    CMSDK_TIMER = 2
    SSE300 = 3
    SYSTICK = 4  # cycles as well


@dataclass(frozen=True)
class Frame:
    """A frame whose CRC was right. ``kind`` has bit 7 set in an answer."""

    kind: int
    sequence: int
    payload: bytes

    def answers(self, command: Command, sequence: int) -> bool:
        """Whether this is the answer to that request."""
        return self.kind == command | _ANSWER and self.sequence == sequence

    @property
    def status(self) -> int:
        """Status byte of an answer."""
        return self.payload[0] if self.payload else -1


def encode(kind: int, sequence: int, payload: bytes = b"") -> bytes:
    """The bytes of a frame on the line, its delimiters included.

    It starts with a delimiter too, so that whatever was left of a damaged frame before it is
    dropped by the receiver instead of swallowing this one.
    """
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a payload has at most {MAX_PAYLOAD} bytes, not {len(payload)}")
    body = _HEADER.pack(VERSION, kind, sequence) + payload
    return b"\0" + bytes(cobs.encode(body + _CRC.pack(zlib.crc32(body)))) + b"\0"


def encode_answer(command: int, sequence: int, payload: bytes) -> bytes:
    """The bytes of the answer to a request."""
    return encode(command | _ANSWER, sequence, payload)


class FrameReader:
    """Finds frames in a stream of bytes; what is not a frame is dropped and counted.

    ``dropped`` counts pieces between delimiters that were no valid frame, ``other_version`` is the
    version of a frame that was right but for its version.
    """

    def __init__(self) -> None:
        self._pending = bytearray()
        self.dropped = 0
        self.other_version: int | None = None

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that these bytes complete."""
        *pieces, rest = data.split(b"\0")
        frames = []
        for piece in pieces:
            encoded = bytes(self._pending) + piece
            self._pending.clear()
            frame = self._decode(encoded) if encoded else None
            if frame:
                frames.append(frame)
            elif encoded:
                self.dropped += 1
        # A line that never sends a delimiter must not fill the host's memory.
        self._pending += rest[: MAX_FRAME + 1 - len(self._pending)]
        return frames

    def _decode(self, encoded: bytes) -> Frame | None:
        if len(encoded) > MAX_FRAME:
            return None
        try:
            body = cobs.decode(encoded)
        except cobs.DecodeError:
            return None
        if len(body) < _HEADER.size + _CRC.size:
            return None
        content, crc = body[: -_CRC.size], _CRC.unpack(body[-_CRC.size :])[0]
        if zlib.crc32(content) != crc:
            return None
        version, kind, sequence = _HEADER.unpack_from(content)
        if version != VERSION:
            self.other_version = version
            return None
        return Frame(kind, sequence, content[_HEADER.size :])


@dataclass(frozen=True)
class Hello:
    """Who the device is. Lengths are in bytes, frequencies in hertz."""

    protocol_version: int
    boot_id: int
    build_id: bytes
    model_sha256: bytes
    clock_hz: int
    counter_hz: int
    counter: int
    layers: int
    arena_bytes: int
    max_payload: int
    input_bytes: tuple[int, ...]
    output_bytes: tuple[int, ...]
    board: str

    @classmethod
    def parse(cls, answer: bytes) -> Hello:
        """From the fields after the status byte."""
        fixed = struct.Struct("<BI16s32sIIBBBHIH")
        (version, boot, build, model, clock, counter_hz, counter, inputs, outputs, *rest) = _unpack(
            fixed, answer, "HELLO"
        )
        lengths = struct.Struct(f"<{inputs + outputs}I")
        sizes = _unpack(lengths, answer[fixed.size :], "HELLO")
        layers, arena, payload = rest
        return cls(
            protocol_version=version,
            boot_id=boot,
            build_id=build,
            model_sha256=model,
            clock_hz=clock,
            counter_hz=counter_hz,
            counter=counter,
            layers=layers,
            arena_bytes=arena,
            max_payload=min(payload, MAX_PAYLOAD),
            input_bytes=sizes[:inputs],
            output_bytes=sizes[inputs:],
            board=answer[fixed.size + lengths.size :].decode("utf-8", "replace"),
        )


@dataclass(frozen=True)
class RunResult:
    """Inferences done, and the counter's ticks over them alone."""

    count: int
    ticks: int

    @classmethod
    def parse(cls, answer: bytes) -> RunResult:
        """From the fields after the status byte."""
        return cls(*_unpack(struct.Struct("<IQ"), answer, "RUN"))


@dataclass(frozen=True)
class LayerInfo:
    """A layer of the network on the device, and where in the arena its output lies."""

    name: str
    output_offset: int
    output_bytes: int

    @classmethod
    def parse(cls, answer: bytes) -> LayerInfo:
        """From the fields after the status byte."""
        fixed = struct.Struct("<II")
        offset, length = _unpack(fixed, answer, "LAYER_INFO")
        return cls(answer[fixed.size :].decode("utf-8", "replace"), offset, length)


@dataclass(frozen=True)
class Memory:
    """Memory use on the device, in bytes; ``*_high_water`` is the most ever touched."""

    stack: int
    stack_high_water: int
    arena: int
    arena_high_water: int
    static_ram: int

    @classmethod
    def parse(cls, answer: bytes) -> Memory:
        """From the fields after the status byte."""
        return cls(*_unpack(struct.Struct("<5I"), answer, "MEMORY"))


@dataclass(frozen=True)
class Fault:
    """The last hard fault: the core's fault registers and where it happened."""

    cfsr: int
    hfsr: int
    address: int
    pc: int
    lr: int
    xpsr: int
    boot_id: int

    @classmethod
    def parse(cls, answer: bytes) -> Fault | None:
        """From the fields after the status byte; None when there was no fault."""
        valid, *registers = _unpack(struct.Struct("<B7I"), answer, "FAULT")
        return cls(*registers) if valid else None


def _unpack(layout: struct.Struct, answer: bytes, command: str) -> tuple[Any, ...]:
    if len(answer) < layout.size:
        raise DeviceError(
            f"the device's answer to {command} has {len(answer)} bytes and should have "
            f"{layout.size} or more; rebuild and flash its firmware with this version of tinygen"
        )
    return layout.unpack_from(answer)
