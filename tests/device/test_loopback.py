"""The host's side against the firmware's own protocol code, built for this machine."""

import random
import shutil
import zlib

import loopback
import pytest

from tinygen.device.faults import Faults, FaultyTransport
from tinygen.device.session import Patience, Session
from tinygen.device.transport import SerialTransport

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a host C compiler")


def network(first, second):
    """What tests/firmware_host/network computes."""
    total = bytes((value + second[0]) & 0xFF for value in first)
    return total, bytes((second[1] + 3 * i) & 0xFF for i in range(2000))


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    executable = loopback.build(tmp_path_factory.mktemp("loopback"))
    with loopback.Loopback(executable) as running:
        yield running


def samples(count):
    generator = random.Random(count)
    return [(generator.randbytes(48), generator.randbytes(2)) for _ in range(count)]


def test_the_whole_conversation(device):
    with Session(SerialTransport(device.url, 921_600)) as session:
        assert session.device.input_bytes == (48, 2)
        assert [layer.name for layer in session.layers()] == ["sum", "pattern"]
        for inputs in samples(5):
            outputs = network(*inputs)
            assert session.infer(inputs).outputs == outputs
            assert session.layer_hashes(inputs) == tuple(map(zlib.crc32, outputs))
            assert len(session.profile(inputs)) == 2
        assert session.memory().arena == session.device.arena_bytes
        boot_id = session.device.boot_id
        assert session.reset().boot_id != boot_id
        assert session.provoke_fault() == session.device
        assert session.fault() is not None
        assert session.fault(clear=True) is not None
        assert session.fault() is None
        assert session.statistics.retries <= 2  # a reset may swallow the greeting after it


@pytest.mark.slow
def test_nothing_is_lost_on_a_bad_line(device):
    bad = FaultyTransport(
        SerialTransport(device.url, 100_000_000),
        Faults(drop=0.05, corrupt=0.05, duplicate=0.05),
        seed=3,
    )
    with Session(bad, patience=Patience(shortest_wait=0.002)) as session:
        for inputs in samples(500):
            assert session.infer(inputs).outputs == network(*inputs)
        assert session.statistics.retries > 100


def test_resets_in_the_middle_of_a_bad_line(device):
    bad = FaultyTransport(
        SerialTransport(device.url, 100_000_000),
        Faults(drop=0.05, corrupt=0.05, duplicate=0.05),
        seed=4,
    )
    with Session(bad, patience=Patience(shortest_wait=0.002)) as session:
        for number, inputs in enumerate(samples(60)):
            if number % 10 == 5:
                session.write_input(0, inputs[0])
                session.reset()
            assert session.infer(inputs).outputs == network(*inputs)
