"""COBS and CRC-32 of the firmware against PyPI's cobs and zlib, packet by packet."""

import io
import random
import struct
import subprocess
import zlib

import loopback
import pytest
from cobs import cobs

from tinygen import paths, toolchain


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
    program = tmp_path_factory.mktemp("codec") / "codec"
    sources = [paths.FIRMWARE / "protocol" / name for name in ("cobs.c", "crc32.c")]
    main = loopback.HOST / "codec" / "main.c"
    flags = ["-std=c11", "-g", "-O1", *toolchain.WARNINGS, *loopback.SANITIZERS]
    include = f"-I{paths.FIRMWARE / 'include'}"
    toolchain.run(
        [toolchain.host_compiler(), *flags, include, *map(str, [*sources, main]), "-o", program],
        "building the codec",
    )

    def run(packets):
        given = b"".join(struct.pack("<I", len(packet)) + packet for packet in packets)
        done = subprocess.run([program], input=given, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        stream = io.BytesIO(done.stdout)
        return [(number(stream), sized(stream), sized(stream)) for _ in packets]

    return run


def number(stream):
    return struct.unpack("<I", stream.read(4))[0]


def sized(stream):
    length = number(stream)
    return None if length == 0xFFFFFFFF else stream.read(length)


def packets():
    rng = random.Random(1)
    yield from (b"", b"\0", b"\0\0", b"\x01", bytes(1032))
    for length in (1, 253, 254, 255, 507, 508, 509, 1032):
        yield b"\x11" * length
        yield b"\x11" * length + b"\0"
        yield b"\0" + b"\x11" * length
    for _ in range(300):
        length = rng.randrange(1200)
        zeros = rng.choice((0.0, 0.004, 0.2, 0.9))
        yield bytes(0 if rng.random() < zeros else rng.randrange(1, 256) for _ in range(length))


def test_crc_and_encoding_are_those_of_zlib_and_cobs(codec):
    given = list(packets())
    for packet, (crc, encoded, _) in zip(given, codec(given), strict=True):
        assert crc == zlib.crc32(packet)
        assert encoded == cobs.encode(packet)


def test_decoding_inverts_encoding(codec):
    given = list(packets())
    for packet, (_, _, decoded) in zip(given, codec([cobs.encode(p) for p in given]), strict=True):
        assert decoded == packet


def test_decoding_of_damaged_packets_is_that_of_cobs(codec):
    rng = random.Random(2)
    damaged = [
        bytes(rng.randrange(1, 256) for _ in range(rng.randrange(1, 600))) for _ in range(300)
    ]
    damaged += [cobs.encode(packet)[:-1] or b"\x02" for packet in packets()]
    damaged = [packet for packet in damaged if 0 not in packet]
    for packet, (_, _, decoded) in zip(damaged, codec(damaged), strict=True):
        try:
            expected = cobs.decode(packet)
        except cobs.DecodeError:
            expected = None
        assert decoded == expected
