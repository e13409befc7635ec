"""Each fault does what its name says, and as often as it is asked to."""

import time

import pytest

from tinygen.device.faults import Faults, FaultyTransport
from tinygen.device.protocol import FrameReader, encode


class Echo:
    """A line whose far end sends everything back."""

    name, baud = "echo", 115200

    def __init__(self):
        self.written = []
        self.resets = []

    def write(self, data):
        self.written.append(data)

    def read(self, timeout):
        data, self._data = b"".join(self.written), self.written.clear()
        if not data:
            time.sleep(timeout)
        return data

    def close(self):
        self.written = None

    def reset(self):
        self.resets.append(sum(map(len, self.written)))


FRAMES = [encode(3, number, bytes([number])) for number in range(1, 201)]


def through(faults, frames=FRAMES):
    echo = Echo()
    line = FaultyTransport(echo, faults, seed=1, restart=echo.reset)
    reader, came = FrameReader(), []
    for frame in frames:
        line.write(frame)
        came += [f.sequence for f in reader.feed(line.read(0))]
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        came += [f.sequence for f in reader.feed(line.read(0.05))]
    return line.counts, came, reader.dropped, echo


def test_a_line_without_faults():
    counts, came, _, _ = through(Faults())
    assert came == list(range(1, 201))
    assert not any(vars(counts).values())


def test_frames_are_dropped():
    counts, came, dropped, _ = through(Faults(drop=0.1))
    assert counts.dropped > 20
    assert len(came) == 200 - counts.dropped
    assert dropped == 0


def test_frames_are_damaged():
    counts, came, dropped, _ = through(Faults(corrupt=0.1))
    assert counts.corrupted > 20
    assert 200 - counts.corrupted <= len(came) < 200
    assert dropped > 10


def test_frames_come_twice():
    counts, came, _, _ = through(Faults(duplicate=0.1))
    assert counts.duplicated > 20
    assert len(came) == 200 + counts.duplicated


def test_frames_come_late_and_are_overtaken():
    counts, came, _, _ = through(Faults(delay=0.1))
    assert counts.delayed > 20
    assert came != sorted(came)
    assert sorted(came) == list(range(1, 201))


def test_frames_come_in_parts():
    counts, came, dropped, _ = through(Faults(split=0.5))
    assert counts.split > 100
    assert came == list(range(1, 201))
    assert dropped == 0


def test_there_is_garbage_between_frames():
    counts, _, dropped, _ = through(Faults(garbage=0.1))
    assert counts.garbled > 20
    assert dropped > 10


def test_the_device_is_reset_before_within_and_after_requests():
    counts, _, _, echo = through(Faults(reset=0.3))
    assert counts.resets == len(echo.resets) > 30
    whole = len(FRAMES[0])
    assert {0, whole} <= set(echo.resets)
    assert any(0 < sent < whole for sent in echo.resets)


def test_a_line_has_to_know_how_to_reset_the_device():
    with pytest.raises(ValueError, match="how to reset"):
        FaultyTransport(Echo(), Faults(reset=0.1), seed=1)
