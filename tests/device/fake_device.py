"""A device in Python that follows docs/protocol.md, to test the host's side without firmware.

Its network has two inputs and two layers; it overwrites its inputs as a real arena may, so a
sample that was not written again after a reset gives a wrong answer.
"""

import random
import struct
import time
import zlib

from tinygen.device.protocol import Command, FrameReader, Status, encode_answer

INPUTS = (1500, 10)
OUTPUTS = (1500, 4)
LAYERS = (("mix", 0, 1500), ("sum", 1500, 4))
BUILD_ID = bytes(range(16))
MODEL_SHA256 = bytes(range(32))
TICKS = 1234


def network(first: bytes, second: bytes) -> tuple[bytes, bytes]:
    mixed = bytes((a + second[i % 10]) & 0xFF for i, a in enumerate(first))
    return mixed, struct.pack("<I", zlib.crc32(mixed + second))


class FakeDevice:
    """A Transport whose other end is the device; ``reset_rate`` resets it before a request."""

    name = "fake"
    baud = 1_000_000_000

    def __init__(self, reset_rate: float = 0.0, seed: int = 1, build_id: bytes = BUILD_ID):
        self.executed = []
        self.closed = False
        self.boots = 0
        self._random = random.Random(seed)
        self._reset_rate = reset_rate
        self._build_id = build_id
        self._out = bytearray()
        self._boot()

    def write(self, data):
        for frame in self._reader.feed(data):
            if self._random.random() < self._reset_rate:
                self._boot()
            self._receive(frame)

    def read(self, timeout):
        if not self._out:
            time.sleep(timeout)
        data, self._out = bytes(self._out), bytearray()
        return data

    def close(self):
        self.closed = True

    def _boot(self):
        self.boots += 1
        self._reader = FrameReader()
        self._last = None
        self._remembered = b""
        self._inputs = [bytearray(n) for n in INPUTS]
        self._outputs = [bytes(n) for n in OUTPUTS]

    def _receive(self, frame):
        expected = None if self._last is None else self._last % 0xFFFF + 1
        if frame.kind != Command.HELLO:
            if frame.sequence == self._last:
                self._out += self._remembered
                return
            if frame.sequence != expected:
                self._out += encode_answer(
                    frame.kind, frame.sequence, bytes([Status.OUT_OF_SEQUENCE])
                )
                return
        self._last = frame.sequence
        self.executed.append(frame.kind)
        self._remembered = encode_answer(frame.kind, frame.sequence, self._execute(frame))
        self._out += self._remembered
        if frame.kind in (Command.RESET, Command.PROVOKE_FAULT):
            self._boot()

    def _execute(self, frame):
        try:
            command = Command(frame.kind)
        except ValueError:
            return bytes([Status.BAD_COMMAND])
        handler = getattr(self, "_" + command.name.lower())
        answer = handler(frame.payload)
        return bytes([Status.BAD_ARGUMENT]) if answer is None else b"\0" + answer

    def _hello(self, _):
        fixed = struct.pack(
            "<BI16s32sIIBBBHIH",
            *(1, self.boots, self._build_id, MODEL_SHA256, 216_000_000, 216_000_000, 1),
            *(len(INPUTS), len(OUTPUTS), len(LAYERS), 2000, 1024),
        )
        return fixed + struct.pack("<4I", *INPUTS, *OUTPUTS) + b"fake board"

    def _write_input(self, payload):
        index, offset = struct.unpack_from("<BI", payload)
        data = payload[5:]
        if index >= len(INPUTS) or offset + len(data) > INPUTS[index]:
            return None
        self._inputs[index][offset : offset + len(data)] = data
        return b""

    def _run(self, payload):
        (count,) = struct.unpack("<I", payload)
        self._outputs = network(*map(bytes, self._inputs))
        for tensor in self._inputs:
            tensor[:] = b"\xee" * len(tensor)
        return struct.pack("<IQ", count, TICKS * count)

    def _read_output(self, payload):
        index, offset, length = struct.unpack("<BIH", payload)
        if index >= len(OUTPUTS) or offset + length > OUTPUTS[index]:
            return None
        return self._outputs[index][offset : offset + length]

    def _run_profiled(self, payload):
        first, count = struct.unpack("<HH", payload)
        return struct.pack(f"<{count}I", *(1000 + first + i for i in range(count)))

    def _layer_info(self, payload):
        (layer,) = struct.unpack("<H", payload)
        name, offset, length = LAYERS[layer]
        return struct.pack("<II", offset, length) + name.encode()

    def _run_hashed(self, payload):
        first, count = struct.unpack("<HH", payload)
        outputs = network(*map(bytes, self._inputs))
        hashes = [zlib.crc32(output) for output in outputs][first : first + count]
        return struct.pack(f"<{count}I", *hashes)

    def _read_arena(self, payload):
        offset, length = struct.unpack("<IH", payload)
        return bytes((offset + i) & 0xFF for i in range(length))

    def _memory(self, _):
        return struct.pack("<5I", 4096, 700, 2000, 1900, 300)

    def _fault(self, payload):
        return struct.pack("<B7I", self.boots > 1, 0x8200, 0x4000_0000, 0xDEAD0000, 1, 2, 3, 1)

    def _reset(self, _):
        return b""

    def _provoke_fault(self, _):
        return b""
