"""The firmware's side of MLPerf Tiny's protocol, as C on this machine under sanitizers."""

import contextlib
import socket
import struct
import subprocess
from urllib.parse import urlsplit

import loopback
import mlperf_host
import numpy as np
import pytest

from tinygen.device.transport import SerialTransport
from tinygen.errors import DeviceError
from tinygen.mlperf_tiny import benchmarks
from tinygen.mlperf_tiny.client import Client
from tinygen.mlperf_tiny.runner import as_sent


@pytest.fixture(scope="module")
def executables(tmp_path_factory):
    built = {}

    def get(name, mode="performance"):
        if (name, mode) not in built:
            folder = tmp_path_factory.mktemp(name)
            built[name, mode] = mlperf_host.build(name, folder, mode)
        return built[name, mode]

    return get


class Line:
    """Characters to the device and lines back."""

    def __init__(self, url):
        address = urlsplit(url)
        self._connection = socket.create_connection((address.hostname, address.port), timeout=5)
        self._received = b""

    def say(self, text):
        """The lines that come back until ``m-ready``, without it."""
        self._connection.sendall(text.encode("latin-1"))
        lines = []
        while not lines or lines[-1] != "m-ready":
            while b"\r\n" not in self._received:
                self._received += self._connection.recv(65536)
            line, _, self._received = self._received.partition(b"\r\n")
            lines.append(line.decode("ascii"))
        return lines[:-1]


@pytest.fixture
def kws(executables):
    with loopback.Loopback(executables("kws")) as device:
        yield Line(device.url)


@contextlib.contextmanager
def client(executable):
    with (
        loopback.Loopback(executable) as device,
        contextlib.closing(SerialTransport(device.url)) as line,
    ):
        yield Client(line)


def said(executable, commands=b""):
    """All that a device says from its start on."""
    done = subprocess.run([executable], input=commands, capture_output=True, check=True)
    return done.stdout.decode("ascii").split("\r\n")


def test_it_says_that_it_is_up(executables):
    mode, lap, *rest = said(executables("kws"))
    assert mode == "m-timestamp-mode-performance"
    assert lap.startswith("m-lap-us-")
    assert rest == ["m-init-done", "m-ready", ""]


def test_who_it_is(kws):
    assert kws.say("name%") == ["m-name-dut-[nucleo_f746zg]"]
    assert kws.say("profile%") == [
        "m-profile-[ULPMark for tinyML Firmware V0.0.1]",
        "m-model-[kws01]",
    ]


def test_help_names_every_command(kws):
    text = "\n".join(kws.say("help%"))
    for command in ("name", "profile", "timestamp", "db load", "db print", "infer", "results"):
        assert f"\n{command} " in text


def test_time_goes_on_in_microseconds(kws):
    first, second = (int(kws.say("timestamp%")[0].removeprefix("m-lap-us-")) for _ in range(2))
    assert first < second < first + 5_000_000
    assert second > 1 << 20, "the host's clock is hours ahead; the number must hold it"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("%", []),
        ("   %", []),
        ("nonsense%", ["e-[Unknown command: nonsense]"]),
        ("Name%", ["e-[Unknown command: Name]"]),
        ("na\x00me\xff%", ["e-[Unknown command: na?me?]"]),
        ("x" * 81 + "%", ["e-[Command too long]"]),
        ("x" * 5000 + "%", ["e-[Command too long]"]),
        ("x" * 80 + "%", [f"e-[Unknown command: {'x' * 80}]"]),
        ("db%", ["e-[Command 'db' requires a subcommand]"]),
        ("db load%", ["e-[Command 'db load' requires a number of bytes]"]),
        ("db load 0%", ["e-[Command 'db load' requires a number of bytes]"]),
        ("db load -490%", ["e-[Command 'db load' requires a number of bytes]"]),
        ("db load 4294967786%", ["e-[Command 'db load' requires a number of bytes]"]),
        ("db load 491%", ["e-[The model takes 490 bytes]"]),
        ("db 00%", ["e-['db load' must come first]"]),
        ("db 0%", ["e-[A byte has two hexadecimal digits]"]),
        ("db 0g%", ["e-[Invalid hexadecimal digit]"]),
        ("db print x%", ["e-[Command 'db print' takes a number of bytes and an offset]"]),
        ("db print%", []),
        ("infer 0%", ["e-[Inference iterations must be >0]"]),
        ("infer 1x%", ["e-[Inference iterations must be >0]"]),
        ("infer 1 -1%", ["e-[Inference warmup must be >=0]"]),
        ("infer 1%", ["e-[The model takes 490 bytes, loaded are 0]"]),
        ("results%", ["e-[No inference has run on what is loaded]"]),
        ("\r\nname%", ["m-name-dut-[nucleo_f746zg]"]),
        ("  name   and more%", ["m-name-dut-[nucleo_f746zg]"]),
    ],
)
def test_every_command_gets_one_answer(kws, command, answer):
    assert kws.say(command) == answer
    assert kws.say("name%") == ["m-name-dut-[nucleo_f746zg]"]


def test_input_is_loaded_and_printed_back(kws):
    assert kws.say("db load 490%") == ["m-[Expecting 490 bytes]"]
    assert kws.say("db 00017fFf%") == []
    assert kws.say("db print%") == ["m-buffer-00-01-7f-ff"]
    assert kws.say("db " + "aB" * 30 + "%") == []
    assert kws.say("db print 10 2%") == ["m-buffer-7f-ff-ab-ab-ab-ab-ab-ab", "m-buffer-ab-ab"]
    assert kws.say("db print 5 33%") == ["m-buffer-ab"]
    assert kws.say("db print 5 34%") == []


def test_wrong_digits_change_nothing(kws):
    kws.say("db load 490%")
    assert kws.say("db 0011x2%") == ["e-[Invalid hexadecimal digit]"]
    assert kws.say("db print%") == []


def test_more_than_was_announced_is_ignored(kws):
    kws.say("db load 490%")
    for _ in range(15):
        assert kws.say("db " + "11" * 31 + "%") == []
    assert kws.say("db " + "22" * 31 + "%") == ["m-load-done"]
    assert kws.say("db print 99 480%") == ["m-buffer-22-22-22-22-22-22-22-22", "m-buffer-22-22"]
    assert kws.say("db 33%") == ["e-['db load' must come first]"]


def test_an_inference_says_what_it_does(kws):
    kws.say("db load 490%")
    for _ in range(49):
        kws.say("db " + "00" * 10 + "%")
    lines = kws.say("infer 7 3%")
    assert lines[:3] == ["m-warmup-start-3", "m-warmup-done", "m-infer-start-7"]
    assert [line[:9] for line in lines[3:5]] == ["m-lap-us-"] * 2
    assert lines[5] == "m-infer-done"
    assert lines[6].startswith("m-results-[")
    assert len(lines) == 7
    assert kws.say("results%") == lines[6:]
    assert kws.say("infer%")[:3] == ["m-warmup-start-10", "m-warmup-done", "m-infer-start-1"]
    kws.say("db load 490%")
    assert kws.say("results%") == ["e-[No inference has run on what is loaded]"]
    assert kws.say("infer 1%") == ["e-[The model takes 490 bytes, loaded are 0]"]


@pytest.mark.parametrize("name", ["kws", "ic", "vww"])
def test_classes_come_out_as_the_reference_has_them(executables, name):
    known, model = benchmarks.benchmark(name), mlperf_host.graph(name)
    with client(executables(name)) as device:
        assert device.model() == known.model_id
        seen = set()
        for stored in mlperf_host.samples(name, 2 if name == "vww" else 4):
            device.load(as_sent(known, model, stored.tobytes()))
            results = device.infer(3, 2).results
            assert results == mlperf_host.classified(model, stored)
            seen.add(results)
        assert len(seen) > 1


def test_ad_gives_the_reconstruction_error(executables):
    model = mlperf_host.graph("ad")
    rng = np.random.default_rng(5)
    windows = [rng.normal(0, scale, 640).astype(np.float32) for scale in (0.1, 5, 40, 1e6)]
    windows.append((np.arange(640, dtype=np.float32) - 320) * np.float32(0.0625))  # ties
    with client(executables("ad")) as device:
        for window in windows:
            device.load(window.astype("<f4").tobytes())
            (result,) = device.infer(2).results
            assert result == mlperf_host.reconstruction_error(model, window)


@pytest.mark.parametrize(("value", "result"), [(float("nan"), "nan"), (float("inf"), "inf")])
def test_ad_survives_what_is_no_number(executables, value, result):
    with client(executables("ad")) as device:
        device.load(struct.pack("<640f", *[value] * 640))
        (line,) = (line.text for line in device.ask("infer 1 0") if "results" in line.text)
        assert line == f"m-results-[{result}]"


def test_energy_mode_keeps_silent_about_the_time(executables):
    load = b"db load 490%" + 49 * b"db 00000000000000000000%"
    lines = said(executables("kws", "energy"), b"timestamp%" + load + b"infer 2 0%")
    assert lines[:4] == ["m-timestamp-mode-energy", "m-init-done", "m-ready", "m-ready"]
    assert lines.index("m-infer-done") == lines.index("m-infer-start-2") + 1
    assert not [line for line in lines if "lap" in line]


def test_the_client_takes_up_a_line_that_was_left_in_the_middle(executables):
    with loopback.Loopback(executables("kws")) as device:
        with contextlib.closing(SerialTransport(device.url)) as line:
            line.write(b"db load 490%db 00%infer nam")
        with contextlib.closing(SerialTransport(device.url)) as line:
            talking = Client(line)
            assert talking.name() == "nucleo_f746zg"
            assert talking.model() == "kws01"
            with pytest.raises(
                DeviceError, match=r"refuses 'infer 1 0': .* 490 bytes, loaded are 1"
            ):
                talking.infer(1)
