import random
import time

import pytest

from device.fake_device import BUILD_ID, INPUTS, MODEL_SHA256, TICKS, FakeDevice, network
from tinygen.device.faults import Faults, FaultyTransport
from tinygen.device.protocol import Command, LayerInfo, encode_answer
from tinygen.device.requests import Request
from tinygen.device.session import Expected, Patience, Session
from tinygen.device.timing import AnswerTime
from tinygen.errors import DeviceError

QUICK = Patience(hello=0.3, answer=0.3, run=0.3, shortest_wait=0.001)


def samples(count, seed=0):
    generator = random.Random(seed)
    return [[generator.randbytes(n) for n in INPUTS] for _ in range(count)]


def test_an_inference_goes_over_in_frames_and_comes_back_whole():
    device = FakeDevice()
    with Session(device) as session:
        for inputs in samples(20):
            inference = session.infer(inputs)
            assert inference.outputs == network(*inputs)
            assert inference.ticks == TICKS
        assert session.statistics.retries == session.statistics.restarts == 0
    assert device.closed


def test_everything_the_device_tells():
    session = Session(FakeDevice(), Expected(MODEL_SHA256, BUILD_ID))
    (inputs,) = samples(1)
    assert session.device.board == "fake board"
    assert session.layers() == (LayerInfo("mix", 0, 1500), LayerInfo("sum", 1500, 4))
    assert session.profile(inputs) == (1000, 1001)
    assert len(set(session.layer_hashes(inputs))) == 2
    assert session.measure(inputs, 7).ticks == 7 * TICKS
    assert session.read_arena(3, 1500) == bytes((3 + i) & 0xFF for i in range(1500))
    assert session.memory().stack_high_water == 700
    assert session.fault() is None


def test_reset_and_provoked_fault_are_followed_by_a_new_greeting():
    session = Session(FakeDevice())
    boot = session.device.boot_id
    assert session.reset().boot_id == boot + 1
    assert session.provoke_fault().boot_id == boot + 2
    assert session.fault().address == 0xDEAD0000
    (inputs,) = samples(1)
    assert session.infer(inputs).outputs == network(*inputs)


@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_lost_on_a_bad_line(seed):
    line = FaultyTransport(FakeDevice(), Faults(drop=0.05, corrupt=0.05, duplicate=0.05), seed=seed)
    session = Session(line, patience=Patience(shortest_wait=0.001))
    for inputs in samples(500, seed):
        assert session.infer(inputs).outputs == network(*inputs)
    assert min(line.counts.dropped, line.counts.corrupted, line.counts.duplicated) > 100
    assert session.statistics.retries > 100


def test_a_device_that_resets_all_the_time_still_gives_right_answers():
    device = FakeDevice(reset_rate=0.05)
    line = FaultyTransport(device, Faults(drop=0.03, corrupt=0.03, duplicate=0.03), seed=5)
    session = Session(line, patience=Patience(shortest_wait=0.001))
    for inputs in samples(200):
        assert session.infer(inputs).outputs == network(*inputs)
    assert session.statistics.restarts > 20


def test_a_repeated_run_is_executed_once():
    class LosesFirstAnswer(FakeDevice):
        lost = False

        def read(self, timeout):
            data = super().read(timeout)
            if Command.RUN in self.executed and not self.lost:
                self.lost = True
                return b""
            return data

    device = LosesFirstAnswer()
    (inputs,) = samples(1)
    assert Session(device).infer(inputs).outputs == network(*inputs)
    assert device.executed.count(Command.RUN) == 1


def test_answers_to_other_requests_are_not_taken():
    class Stale(FakeDevice):
        def read(self, timeout):
            stale = encode_answer(Command.MEMORY, self._last - 1, bytes(21))
            return stale + encode_answer(Command.FAULT, self._last, bytes(21)) + super().read(0)

    session = Session(Stale())
    session.link._sequence = 100
    assert session.memory().stack == 4096


def test_a_device_that_never_stays_up_is_given_up():
    session = Session(FakeDevice(reset_rate=1.0), patience=Patience(restarts=3))
    with pytest.raises(DeviceError, match="was reset 3 times in the middle of one sample"):
        session.infer(samples(1)[0])


class Line:
    name, baud = "/dev/ttyTEST", 115200

    def __init__(self, noise=b""):
        self.noise = noise

    def write(self, data):
        pass

    def read(self, timeout):
        time.sleep(min(timeout, 0.01))
        return self.noise

    def close(self):
        pass


def test_a_silent_port_is_one_sentence_in_bounded_time():
    started = time.monotonic()
    with pytest.raises(
        DeviceError, match=r"/dev/ttyTEST at 115200 baud: no answer within 0.3 s, 0 bytes received"
    ):
        Session(Line(), patience=QUICK).hello()
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("noise", [b"U" * 50, b"\0", b"hello, world\r\n", bytes(range(256))])
def test_a_noisy_port_says_what_came(noise):
    with pytest.raises(DeviceError) as caught:
        Session(Line(noise), patience=QUICK).hello()
    message = str(caught.value)
    assert noise[:10].hex(" ") in message
    assert "see that the baud rate is right" in message
    assert "\n" not in message


def test_a_device_of_another_protocol_version_is_named(monkeypatch):
    monkeypatch.setattr("tinygen.device.protocol.VERSION", 9)
    noise = encode_answer(Command.HELLO, 1, b"\0")
    monkeypatch.undo()
    with pytest.raises(DeviceError, match="speaks version 9 of the protocol"):
        Session(Line(noise), patience=QUICK).hello()


def test_a_device_that_falls_silent_is_told_from_one_that_never_spoke():
    device = FakeDevice()
    session = Session(device, patience=QUICK)
    session.hello()
    device.write = lambda data: None
    with pytest.raises(DeviceError, match=r"no answer to MEMORY .* answered before"):
        session.memory()


def test_another_model_or_build_is_refused():
    with pytest.raises(DeviceError, match=r"runs model 00010203.* instead of ffff"):
        Session(FakeDevice(), Expected(model_sha256=b"\xff" * 32)).hello()
    with pytest.raises(DeviceError, match=r"runs build 00010203.* instead of ffff"):
        Session(FakeDevice(), Expected(build_id=b"\xff" * 16)).hello()


def test_a_build_that_changes_in_the_middle_is_refused():
    device = FakeDevice()
    session = Session(device)
    session.hello()
    device._build_id = bytes(16)
    device._boot()
    with pytest.raises(DeviceError, match="runs build 0000"):
        session.infer(samples(1)[0])


def test_wrong_inputs_are_refused_before_they_are_sent():
    session = Session(FakeDevice())
    first, second = samples(1)[0]
    with pytest.raises(DeviceError, match="has 2 inputs, not 1"):
        session.infer([first])
    with pytest.raises(DeviceError, match="input 1 has 10 bytes on the device, not 9"):
        session.infer([first, second[:9]])


def test_a_refused_request_names_command_and_status():
    session = Session(FakeDevice())
    session.hello()
    with pytest.raises(DeviceError, match=r"refuses READ_OUTPUT \(BAD_ARGUMENT\)"):
        session._answer(Request(Command.READ_OUTPUT, b"\1\xff\xff\0\0\1\0"))


def test_sequence_numbers_wrap_past_zero():
    session = Session(FakeDevice())
    session.link._sequence = 65533
    for inputs in samples(3):
        assert session.infer(inputs).outputs == network(*inputs)
    assert session.statistics.restarts == 0
    assert session.link._sequence < 100


def test_time_outs_follow_the_answers():
    times = AnswerTime(shortest=0.01)
    assert times.after(0) == 0.25
    assert times.after(2) == 1.0
    for _ in range(50):
        times.learn(0.1, 0)
    assert 0.1 <= times.after(0) < 0.11
    times.learn(3.0, 2)
    assert times.after(0) > 0.4
    for _ in range(50):
        times.learn(0.1, 0)
    assert times.after(0) < 0.15
    assert times.after(40) == times.after(3)


def test_a_slow_device_is_soon_waited_for():
    times = AnswerTime(shortest=0.05)
    repeated = []
    for _ in range(15):
        began, retries = 0.0, 0
        while began + times.after(retries) < 20.0:
            began += times.after(retries)
            retries += 1
        times.learn(20.0 - began, retries)
        repeated.append(retries)
    assert repeated[0] > 5
    assert repeated[-3:] == [0, 0, 0]


def test_losses_do_not_make_the_wait_longer():
    times = AnswerTime(shortest=0.05)
    generator = random.Random(1)
    longest = 0.0
    for _ in range(100_000):
        waited = retries = 0
        while generator.random() < 0.36:
            waited += times.after(retries)
            retries += 1
        times.learn(0.002, retries)
        longest = max(longest, waited)
    assert longest < 6
