import random

import pytest

from device.fake_device import FakeDevice
from tinygen.device.protocol import (
    MAX_FRAME,
    MAX_PAYLOAD,
    Command,
    Fault,
    Frame,
    FrameReader,
    Hello,
    encode,
)
from tinygen.errors import DeviceError


def test_a_frame_has_the_documented_bytes():
    # COBS block of five, version, kind, sequence; block of six, the 0xff after the zero, CRC-32
    assert encode(0x02, 0x0403, b"\x00\xff") == bytes.fromhex("00 05 01020304 06 ff d9c9e038 00")


@pytest.mark.parametrize("length", [0, 1, 253, 254, 255, 508, MAX_PAYLOAD])
def test_payloads_of_every_length_come_back(length):
    generator = random.Random(length)
    for payload in (bytes(length), b"\xff" * length, generator.randbytes(length)):
        frame = encode(Command.RUN, 77, payload)
        assert len(frame) <= MAX_FRAME + 2
        assert FrameReader().feed(frame) == [Frame(Command.RUN, 77, payload)]


def test_too_long_a_payload_is_a_programming_error():
    with pytest.raises(ValueError, match="at most 1024"):
        encode(Command.RUN, 1, bytes(MAX_PAYLOAD + 1))


def test_frames_are_found_however_the_bytes_are_cut():
    frames = [Frame(Command.RUN, i, bytes(range(i, i + 20))) for i in range(1, 30)]
    stream = b"".join(encode(f.kind, f.sequence, f.payload) for f in frames)
    generator = random.Random(4)
    reader, found, at = FrameReader(), [], 0
    while at < len(stream):
        step = generator.randint(1, 40)
        found += reader.feed(stream[at : at + step])
        at += step
    assert found == frames
    assert reader.dropped == 0


def test_every_single_damaged_byte_is_noticed():
    good = encode(Command.READ_OUTPUT, 9, b"some payload \x00 with a zero")
    for at in range(len(good)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(good)
            damaged[at] ^= flip
            found = FrameReader().feed(bytes(damaged) + b"\0")
            # Damage to a delimiter alone may leave the frame itself whole.
            assert found in ([], [Frame(Command.READ_OUTPUT, 9, b"some payload \x00 with a zero")])
            if 0 < at < len(good) - 1:
                assert found == []


def test_a_leading_delimiter_flushes_half_a_frame():
    whole = encode(Command.RUN, 5, b"abcd")
    reader = FrameReader()
    assert reader.feed(whole[:6]) == []
    assert reader.feed(whole) == [Frame(Command.RUN, 5, b"abcd")]
    assert reader.dropped == 1


def test_noise_without_delimiters_takes_no_memory():
    reader = FrameReader()
    for _ in range(100):
        assert reader.feed(b"\x55" * 10_000) == []
    assert len(reader._pending) <= MAX_FRAME + 1
    assert reader.feed(b"\0" + encode(Command.RUN, 1)) == [Frame(Command.RUN, 1, b"")]


def test_random_bytes_are_never_a_frame():
    generator = random.Random(8)
    reader = FrameReader()
    for _ in range(200):
        assert reader.feed(generator.randbytes(2000)) == []
    assert reader.dropped > 1000


def test_another_version_is_remembered_not_taken(monkeypatch):
    monkeypatch.setattr("tinygen.device.protocol.VERSION", 2)
    frame = encode(Command.HELLO, 1)
    monkeypatch.undo()
    reader = FrameReader()
    assert reader.feed(frame) == []
    assert reader.other_version == 2


def test_hello_is_read_field_by_field():
    hello = Hello.parse(FakeDevice()._hello(b""))
    assert (hello.boot_id, hello.clock_hz, hello.layers, hello.arena_bytes) == (
        1,
        216_000_000,
        2,
        2000,
    )
    assert hello.input_bytes == (1500, 10)
    assert hello.output_bytes == (1500, 4)
    assert hello.board == "fake board"


def test_short_answers_are_refused():
    answer = FakeDevice()._hello(b"")
    for length in range(len(answer) - len("fake board")):
        with pytest.raises(DeviceError, match="answer to HELLO has"):
            Hello.parse(answer[:length])


def test_no_fault_is_none():
    assert Fault.parse(bytes(29)) is None
    assert Fault.parse(b"\1" + bytes(28)) == Fault(0, 0, 0, 0, 0, 0, 0)
