"""Samples sent ahead: all of them come back, in order and right, whatever happens to the line."""

import random

import pytest

from device.fake_device import INPUTS, FakeDevice, network
from tinygen.device.ahead import QUEUE_BYTES, infer_all
from tinygen.device.faults import Faults, FaultyTransport
from tinygen.device.protocol import Command, FrameReader
from tinygen.device.session import Patience, Session
from tinygen.errors import DeviceError

IMPATIENT = Patience(hello=0.5, answer=0.5, run=0.5, shortest_wait=0.001)


def samples(count, seed=0):
    generator = random.Random(seed)
    return [[generator.randbytes(n) for n in INPUTS] for _ in range(count)]


def outputs(session, inputs):
    return [inference.outputs for inference in infer_all(session, inputs)]


class Queueing(FakeDevice):
    """Answers only when the host waits, and drops what its queue has no room for."""

    def __init__(self):
        super().__init__()
        self.queue = []
        self.most = 0
        self.least_waiting = []

    def write(self, data):
        self.queue.append(data)
        self.most = max(self.most, sum(map(len, self.queue)))

    def read(self, timeout):
        if self.queue:
            self.least_waiting.append(len(self.queue))
            super().write(self.queue.pop(0))
        return super().read(timeout)


def test_they_come_back_in_order():
    session = Session(FakeDevice())
    inputs = samples(20)
    assert outputs(session, inputs) == [network(*sample) for sample in inputs]
    assert session.statistics.taken_up == session.statistics.retries == 0


def test_none_and_one():
    session = Session(FakeDevice())
    assert outputs(session, []) == []
    assert len(outputs(session, samples(1))) == 1


def test_the_device_always_has_something_to_do_and_its_queue_never_overflows():
    device = Queueing()
    inputs = samples(10)
    assert outputs(Session(device), inputs) == [network(*sample) for sample in inputs]
    assert QUEUE_BYTES / 2 < device.most <= QUEUE_BYTES
    assert min(device.least_waiting[2:-8]) > 1


def test_samples_are_taken_as_they_are_needed():
    taken = []

    def source():
        for number, sample in enumerate(samples(100)):
            taken.append(number)
            yield sample

    inferences = infer_all(Session(FakeDevice()), source())
    next(inferences)
    assert len(taken) < 10


def test_results_are_handed_on_before_the_next_is_waited_for():
    """What was answered is not lost when the line breaks off for good."""
    device = FakeDevice()
    inferences = infer_all(Session(device, patience=IMPATIENT), samples(30))
    for _ in range(10):
        next(inferences)
    device.write = lambda data: None
    got = []
    with pytest.raises(DeviceError, match="no answer"):
        got.extend(inferences)
    assert len(got) <= 5


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_on_a_bad_line(seed):
    line = FaultyTransport(FakeDevice(), Faults(drop=0.02, corrupt=0.02, duplicate=0.05), seed=seed)
    session = Session(line, patience=IMPATIENT)
    inputs = samples(200, seed)
    assert outputs(session, inputs) == [network(*sample) for sample in inputs]
    assert session.statistics.taken_up > 5


def test_nothing_is_lost_when_the_device_resets():
    session = Session(FakeDevice(reset_rate=0.02), patience=IMPATIENT)
    inputs = samples(200)
    assert outputs(session, inputs) == [network(*sample) for sample in inputs]
    assert session.statistics.taken_up > 5


def test_the_worse_the_line_the_less_is_sent_ahead():
    class LosesRuns(FakeDevice):
        """Loses what was sent ahead, and nothing else."""

        lost = waiting = 0

        def write(self, data):
            (frame,) = FrameReader().feed(data)
            self.waiting += 1
            if self.waiting > 1 and frame.kind == Command.RUN:
                self.lost += 1
            else:
                super().write(data)

        def read(self, timeout):
            self.waiting = 0
            return super().read(timeout)

    device = LosesRuns()
    inputs = samples(100)
    assert outputs(Session(device, patience=IMPATIENT), inputs) == [network(*s) for s in inputs]
    assert 3 <= device.lost < 20


def test_wrong_inputs_are_refused():
    inferences = infer_all(Session(FakeDevice()), [*samples(1), [b""]])
    with pytest.raises(DeviceError, match="has 2 inputs, not 1"):
        list(inferences)
