"""The device side of docs/protocol.md, as C on this machine under sanitizers."""

import contextlib
import random
import socket
import struct
import zlib
from urllib.parse import urlsplit

import loopback
import pytest
from cobs import cobs

from tinygen.device.protocol import Command, Frame, FrameReader, Hello, Status, encode

SECOND = 0.3  # long enough to be sure that nothing comes
FIRST = bytes(range(48))


@pytest.fixture(scope="module")
def executable(tmp_path_factory):
    return loopback.build(tmp_path_factory.mktemp("loopback"))


@pytest.fixture
def line(executable):
    with loopback.Loopback(executable) as device:
        address = urlsplit(device.url)
        with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
            yield Line(connection)


class Line:
    """Raw bytes to the device and frames back. ``sequence`` is that of the last request."""

    def __init__(self, connection):
        self._connection = connection
        self._reader = FrameReader()
        self._frames = []
        self.sequence = 0

    def send(self, data):
        self._connection.sendall(data)

    def receive(self, timeout=5.0):
        """The next frame, or None."""
        self._connection.settimeout(timeout)
        with contextlib.suppress(TimeoutError):
            while not self._frames:
                self._frames += self._reader.feed(self._connection.recv(65536))
        return self._frames.pop(0) if self._frames else None

    def ask(self, command, payload=b"", sequence=None):
        """Status and fields of the answer to the next request, or to one with this number."""
        if sequence is None:
            self.sequence = sequence = self.sequence % 65535 + 1
        self.send(encode(command, sequence, payload))
        answer = self.receive()
        assert isinstance(answer, Frame)
        assert (answer.kind, answer.sequence) == (command | 0x80, sequence)
        return Status(answer.payload[0]), answer.payload[1:]

    def ok(self, command, payload=b""):
        status, fields = self.ask(command, payload)
        assert status == Status.OK
        return fields

    def write(self, index, data, offset=0):
        self.ok(Command.WRITE_INPUT, struct.pack("<BI", index, offset) + data)

    def read(self, index, length, offset=0):
        return self.ok(Command.READ_OUTPUT, struct.pack("<BIH", index, offset, length))

    def run(self, count=1):
        return self.ok(Command.RUN, struct.pack("<I", count))


def test_hello_says_who_it_is(line):
    hello = Hello.parse(line.ok(Command.HELLO))
    assert hello.protocol_version == 1
    assert hello.board == "loopback"
    assert hello.build_id == bytes(range(16))
    assert (hello.input_bytes, hello.output_bytes) == ((48, 2), (48, 2000))
    assert (hello.layers, hello.arena_bytes, hello.max_payload) == (2, 2064, 1024)


def test_an_inference(line):
    line.ok(Command.HELLO)
    line.write(0, FIRST)
    line.write(1, b"\x05\x07")
    assert struct.unpack("<I", line.run()[:4]) == (1,)
    assert line.read(0, 48) == bytes(i + 5 for i in range(48))
    pattern = line.read(1, 1000) + line.read(1, 1000, offset=1000)
    assert pattern == bytes((7 + 3 * i) & 0xFF for i in range(2000))


def test_inputs_are_restored_between_repeated_inferences(line):
    line.ok(Command.HELLO)
    line.write(0, FIRST[:30])
    line.write(0, FIRST[30:], offset=30)
    line.write(1, b"\x05\x07")
    count, ticks = struct.unpack("<IQ", line.run(1000))
    assert count == 1000
    assert ticks > 0
    assert line.read(0, 48) == bytes(i + 5 for i in range(48))


def test_running_nothing_changes_nothing(line):
    line.ok(Command.HELLO)
    line.write(0, FIRST)
    assert struct.unpack("<IQ", line.run(0)) == (0, 0)
    assert line.read(0, 48) == FIRST


def test_layers_can_be_run_apart(line):
    line.ok(Command.HELLO)
    line.write(0, FIRST)
    line.write(1, b"\x01\x02")
    assert len(line.ok(Command.RUN_PROFILED, struct.pack("<HH", 0, 1))) == 4
    assert line.read(0, 48) == bytes(i + 1 for i in range(48))
    assert len(line.ok(Command.RUN_PROFILED, struct.pack("<HH", 1, 1))) == 4
    assert line.read(1, 1) == b"\x02"


def test_layer_hashes_are_crcs_of_their_outputs(line):
    line.ok(Command.HELLO)
    line.write(0, FIRST)
    line.write(1, b"\x01\x02")
    hashes = struct.unpack("<II", line.ok(Command.RUN_HASHED, struct.pack("<HH", 0, 2)))
    first = bytes(i + 1 for i in range(48))
    second = bytes((2 + 3 * i) & 0xFF for i in range(2000))
    assert hashes == (zlib.crc32(first), zlib.crc32(second))


def test_layers_describe_themselves(line):
    line.ok(Command.HELLO)
    fields = line.ok(Command.LAYER_INFO, struct.pack("<H", 1))
    assert struct.unpack_from("<II", fields) == (52, 2000)
    assert fields[8:] == b"pattern"


def test_the_arena_can_be_read(line):
    line.ok(Command.HELLO)
    line.write(1, b"\x01\x02")
    assert line.ok(Command.READ_ARENA, struct.pack("<IH", 48, 2)) == b"\x01\x02"


def test_high_water_mark_of_the_arena(line):
    line.ok(Command.HELLO)
    line.write(1, b"\x01\x02")
    assert struct.unpack("<5I", line.ok(Command.MEMORY))[2:4] == (2064, 50)
    line.write(0, FIRST)
    line.run()
    assert struct.unpack("<5I", line.ok(Command.MEMORY))[3] == 2052


@pytest.mark.parametrize(
    ("command", "payload"),
    [
        (Command.HELLO, b"x"),
        (Command.WRITE_INPUT, b""),
        (Command.WRITE_INPUT, struct.pack("<BI", 2, 0)),
        (Command.WRITE_INPUT, struct.pack("<BI", 0, 1) + FIRST),
        (Command.WRITE_INPUT, struct.pack("<BI", 0, 49)),
        (Command.WRITE_INPUT, struct.pack("<BI", 0, 0xFFFFFFFF) + b"xx"),
        (Command.RUN, b""),
        (Command.RUN, bytes(5)),
        (Command.READ_OUTPUT, struct.pack("<BIH", 2, 0, 1)),
        (Command.READ_OUTPUT, struct.pack("<BIH", 0, 0, 49)),
        (Command.READ_OUTPUT, struct.pack("<BIH", 0, 0xFFFFFFF0, 32)),
        (Command.READ_OUTPUT, struct.pack("<BIH", 1, 0, 1024)),
        (Command.RUN_PROFILED, struct.pack("<HH", 0, 3)),
        (Command.RUN_PROFILED, struct.pack("<HH", 65535, 1)),
        (Command.RUN_HASHED, struct.pack("<HH", 2, 1)),
        (Command.LAYER_INFO, struct.pack("<H", 2)),
        (Command.READ_ARENA, struct.pack("<IH", 2064, 1)),
        (Command.READ_ARENA, struct.pack("<IH", 0, 1024)),
        (Command.MEMORY, b"x"),
        (Command.FAULT, b""),
        (Command.RESET, b"x"),
        (Command.PROVOKE_FAULT, b"\x02"),
    ],
)
def test_what_is_out_of_range_is_refused(line, command, payload):
    line.ok(Command.HELLO)
    line.write(0, FIRST)
    line.write(1, b"\x01\x02")
    assert line.ask(command, payload) == (Status.BAD_ARGUMENT, b"")
    line.ok(Command.HELLO)
    assert line.ok(Command.READ_ARENA, struct.pack("<IH", 0, 50)) == FIRST + b"\x01\x02"


@pytest.mark.parametrize("command", [0x00, 0x0D, 0x7F])
def test_unknown_commands_are_answered(line, command):
    line.ok(Command.HELLO)
    assert line.ask(command, b"abc") == (Status.BAD_COMMAND, b"")


def test_a_repeated_request_is_answered_again_but_not_executed_again(line):
    line.ok(Command.HELLO)
    line.write(0, FIRST)
    line.write(1, b"\x05\x07")
    first = line.run()
    for _ in range(3):
        assert line.ask(Command.RUN, struct.pack("<I", 1), sequence=line.sequence) == (
            Status.OK,
            first,
        )
    assert line.read(0, 48) == bytes(i + 5 for i in range(48))


@pytest.mark.parametrize("step", [2, -1, 100])
def test_other_numbers_are_out_of_sequence(line, step):
    line.sequence = 500
    line.ok(Command.HELLO)
    number = line.sequence + step
    assert line.ask(Command.MEMORY, sequence=number) == (Status.OUT_OF_SEQUENCE, b"")
    line.ok(Command.MEMORY)


def test_a_refusal_does_not_replace_the_remembered_answer(line):
    line.ok(Command.HELLO)
    memory = line.ok(Command.MEMORY)
    line.ask(Command.MEMORY, sequence=line.sequence + 9)
    assert line.ask(Command.MEMORY, sequence=line.sequence) == (Status.OK, memory)


def test_everything_but_hello_is_out_of_sequence_after_a_reset(line):
    assert line.ask(Command.MEMORY) == (Status.OUT_OF_SEQUENCE, b"")
    line.ok(Command.HELLO)
    line.ok(Command.MEMORY)
    line.ok(Command.RESET)
    assert line.ask(Command.MEMORY) == (Status.OUT_OF_SEQUENCE, b"")
    line.ok(Command.HELLO)


def test_after_65535_follows_1(line):
    line.sequence = 65533
    line.ok(Command.HELLO)
    line.ok(Command.MEMORY)
    assert line.sequence == 65535
    line.ok(Command.MEMORY)
    assert line.sequence == 1


def test_a_reset_changes_the_boot_id_and_forgets_the_inputs(line):
    before = line.ok(Command.HELLO)[1:5]
    line.write(0, FIRST)
    line.ok(Command.RESET)
    assert line.ok(Command.HELLO)[1:5] != before
    assert line.read(0, 48) != FIRST


def test_a_fault_is_kept_until_it_is_cleared(line):
    boot = line.ok(Command.HELLO)[1:5]
    assert line.ok(Command.FAULT, b"\0") == bytes(29)
    line.ok(Command.PROVOKE_FAULT, b"\x01")
    line.ok(Command.HELLO)
    for _ in range(2):
        fault = line.ok(Command.FAULT, b"\0")
        assert fault[0] == 1
        assert struct.unpack_from("<I", fault, 1) == (0x8200,)
        assert fault[-4:] == boot
    assert line.ok(Command.FAULT, b"\x01") == fault
    assert line.ok(Command.FAULT, b"\0") == bytes(29)


def test_the_longest_frame_is_taken_and_a_longer_one_dropped(line):
    line.ok(Command.HELLO)
    assert line.ask(Command.RUN, bytes(1024)) == (Status.BAD_ARGUMENT, b"")
    oversized = bytearray(encode(Command.RUN, line.sequence + 1, bytes(1024)))
    oversized[-1:-1] = b"\x05abcd" * 300
    line.send(oversized)
    assert line.receive(SECOND) is None
    line.ok(Command.MEMORY)


def test_a_valid_checksum_does_not_make_a_long_frame_right(line):
    line.ok(Command.HELLO)
    body = struct.pack("<BBH", 1, Command.MEMORY, line.sequence + 1) + bytes(1025)
    body += struct.pack("<I", zlib.crc32(body))
    blocks = [body[i : i + 1] for i in range(len(body))]
    # Every byte its own COBS block, which is long-winded but valid.
    line.send(b"\0" + b"".join(b"\x01" if b == b"\0" else b"\x02" + b for b in blocks) + b"\0")
    assert line.receive(SECOND) is None
    line.ok(Command.MEMORY)


def test_another_version_is_ignored(line):
    line.ok(Command.HELLO)
    body = struct.pack("<BBH", 2, Command.MEMORY, line.sequence + 1)
    line.send(b"\0" + cobs.encode(body + struct.pack("<I", zlib.crc32(body))) + b"\0")
    assert line.receive(SECOND) is None


def test_a_frame_behind_noise_is_still_understood(line):
    line.send(bytes(random.Random(3).randrange(1, 256) for _ in range(5000)))
    line.ok(Command.HELLO)


def test_several_frames_in_one_piece(line):
    line.send(b"".join(encode(kind, n) for n, kind in ((1, 1), (2, 9), (2, 9), (3, 9))))
    answers = [line.receive() for _ in range(4)]
    assert [answer.sequence for answer in answers] == [1, 2, 2, 3]
    assert answers[1] == answers[2]


def mutated(rng, frame):
    frame = bytearray(frame)
    for _ in range(rng.randrange(1, 4)):
        position = rng.randrange(len(frame))
        action = rng.randrange(3)
        if action == 0:
            frame[position] ^= 1 << rng.randrange(8)
        elif action == 1:
            del frame[position]
        else:
            frame.insert(position, rng.randrange(256))
        if not frame:
            break
    return bytes(frame)


def test_damaged_frames_never_do_anything(line):
    rng = random.Random(4)
    line.ok(Command.HELLO)
    line.write(0, FIRST)
    write = struct.pack("<BI", 0, 0) + bytes(48)
    for _ in range(2000):
        line.send(
            mutated(rng, encode(Command.WRITE_INPUT, line.sequence + 1, write)[:-1]) + b"\0\0"
        )
    damaged_but_valid = False
    while answer := line.receive(SECOND):
        damaged_but_valid |= answer.payload[0] == Status.OK
    # A mutation that only touches the zero in front leaves a valid frame, which is executed once.
    line.sequence += damaged_but_valid
    expected = bytes(48) if damaged_but_valid else FIRST
    assert line.ok(Command.READ_ARENA, struct.pack("<IH", 0, 48)) == expected


def test_random_bytes_and_random_requests_do_no_harm(line):
    rng = random.Random(5)
    line.send(rng.randbytes(100_000))
    line.ok(Command.HELLO)
    # All that neither end the conversation nor may take hours.
    harmless = set(Command) - {Command.RESET, Command.PROVOKE_FAULT, Command.RUN}
    for _ in range(2000):
        payload = rng.randbytes(rng.choice((0, 1, 2, 4, 6, 7, 30, 1024)))
        line.ask(rng.choice(sorted(harmless)), payload)
        if rng.random() < 0.1:
            line.ok(Command.HELLO)
