"""The client against a line that says what it is told to."""

import time

import pytest

from tinygen.errors import DeviceError
from tinygen.mlperf_tiny import benchmarks, client, measure

HELLO = b"m-ready\r\nm-name-dut-[board]\r\nm-ready\r\n"


class ScriptedLine:
    """Says the next of its answers whenever a command comes in."""

    name = "the line"
    baud = 115_200

    def __init__(self, *answers):
        self._answers = [HELLO, *answers]
        self._due = b""
        self.heard = []

    def write(self, data):
        self.heard.append(data)
        self._due += self._answers.pop(0) if self._answers else b""

    def read(self, timeout):
        if not self._due:
            time.sleep(timeout)
        data, self._due = self._due[:7], self._due[7:]  # lines come in pieces
        return data


def talk(*answers):
    return client.Client(ScriptedLine(*answers))


def test_what_was_on_the_line_before_is_read_past():
    line = ScriptedLine(b"m-name-dut-[other]\r\nm-ready\r\n")
    line._due = b"0,0.996]\r\nm-name-\r\nm-ready\r\n"
    assert client.Client(line).name() == "other"
    assert line.heard == [b"%name%", b"name%"]


def test_input_goes_out_in_commands_of_the_length_the_protocol_has():
    line = ScriptedLine(*[b"m-ready\r\n"] * 4)
    client.Client(line).load(bytes(range(70)))
    assert line.heard[1] == b"db load 70%"
    assert max(map(len, line.heard)) <= 80
    sent = b"".join(command.removeprefix(b"db ").removesuffix(b"%") for command in line.heard[2:])
    assert bytes.fromhex(sent.decode()) == bytes(range(70))


def test_timestamps_and_results():
    found = talk(
        b"m-warmup-start-1\r\nm-warmup-done\r\nm-infer-start-3\r\nm-lap-us-4294967295\r\n"
        b"m-lap-us-4306967295\r\nm-infer-done\r\nm-results-[0.996,-1.000]\r\nm-ready\r\n"
    ).infer(3, 1)
    assert found == client.Inferences(12.0, (0.996, -1.0))


def test_a_refusal():
    with pytest.raises(DeviceError, match=r"the line refuses 'db load 2': The model takes 490 byt"):
        talk(b"e-[The model takes 490 bytes]\r\nm-ready\r\n").load(b"12")


def test_silence():
    with pytest.raises(DeviceError, match=r"answers 'profile' with nothing .* at 115200 baud"):
        talk().ask("profile", 0.05)


def test_half_a_line():
    with pytest.raises(DeviceError, match=r"answers 'name' with only b'm-na' for 0\.05 s"):
        talk(b"m-na").ask("name", 0.05)


def test_another_model_than_the_folder_says():
    device = talk(b"m-model-[kws01]\r\nm-ready\r\n")
    with pytest.raises(DeviceError, match=r"the device runs kws01, but this folder .* ic01"):
        measure.latency(device, benchmarks.benchmark("ic"))


class Steady:
    """A device whose inferences take a known time, after a fixed overhead."""

    def __init__(self, seconds):
        self._seconds = seconds
        self.counts = []

    def model(self):
        return "kws01"

    def load(self, data):
        self.loaded = data

    def infer(self, count, warmups):
        self.counts.append(count)
        return client.Inferences(count * self._seconds, ())


@pytest.mark.parametrize("seconds", [3.0, 0.0139, 0.000_02])
def test_the_latency_is_taken_over_a_window_that_is_long_enough(seconds):
    device = Steady(seconds)
    assert measure.latency(device, benchmarks.benchmark("kws")) == pytest.approx(seconds)
    assert device.counts[-1] * seconds >= 0.2
    assert len(device.counts) <= 2
    assert len(device.loaded) == 490


def test_a_clock_that_stands_still():
    with pytest.raises(DeviceError, match="which stands still"):
        measure.latency(Steady(0.0), benchmarks.benchmark("kws"))
