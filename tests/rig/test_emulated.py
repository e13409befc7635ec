"""Consoles and probes of emulated boards, with an echo in the place of an emulator."""

import json
import socket
import threading

import pytest

from tinygen import boards
from tinygen.device.emulators.running import Counts
from tinygen.errors import DeviceError
from tinygen.rig.emulated import EmulatedPlace
from tinygen.rig.remote_emulator import RemoteEmulator

from . import lab

BOARD = boards.load_board("nucleo_f746zg")


class Echo:
    """An emulator whose console repeats what it gets, after the name of its image."""

    ended = 0

    def __init__(self, board, elf):
        self._elf = elf  # as QEMU does, it is read late
        self.cleared = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            client, _ = self._listener.accept()
            client.sendall(self._elf.read_bytes())
            while data := client.recv(100):
                client.sendall(data)

    def instructions(self, ticks, counter_hz):
        return ticks * counter_hz

    def counts(self):
        return Counts(1, 1000, None) if self.cleared else None

    def clear_counts(self):
        self.cleared = True

    def close(self):
        Echo.ended += 1


@pytest.fixture
def place(monkeypatch):
    monkeypatch.setattr("tinygen.device.emulators.start", Echo)
    (port,) = lab.free_ports(1)
    with EmulatedPlace(BOARD, "127.0.0.1", port):
        yield port


@pytest.fixture
def probe(place):
    with RemoteEmulator(f"socket://127.0.0.1:{place}", f"socket://127.0.0.1:{place + 1}") as probe:
        yield probe


@pytest.fixture
def image(tmp_path):
    def call(content):
        (tmp_path / "image").write_bytes(content)
        return tmp_path / "image"

    return call


def console(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def test_a_blank_board_says_nothing_and_counts_nothing(place, probe):
    with console(place) as line:
        line.sendall(b"hello")
        line.settimeout(0.2)
        with pytest.raises(TimeoutError):
            line.recv(1)
    with pytest.raises(DeviceError, match="board is blank; flash it first"):
        probe.counts()


def test_a_flashed_board_answers_one_client_after_another(place, probe, image):
    probe.program(image(b"one"))
    for _ in range(2):
        with console(place) as line:
            assert line.recv(3) == b"one"
            line.sendall(b"hello")
            assert line.recv(5, socket.MSG_WAITALL) == b"hello"


def test_a_new_client_takes_the_place_of_one_that_may_be_gone(place, probe, image):
    probe.program(image(b"one"))
    with console(place) as old, console(place) as new:
        assert new.recv(3) == b"one"
        assert old.makefile("rb").read() in (b"", b"one")


def test_flashing_ends_what_ran_before(place, probe, image):
    probe.program(image(b"one"))
    ended = Echo.ended
    with console(place) as old:
        assert old.recv(3) == b"one"
        probe.program(image(b"two"))
        assert old.recv(1) == b""
    assert Echo.ended == ended + 1
    with console(place) as new:
        assert new.recv(3) == b"two"


def test_counts_come_through_the_probe(probe, image):
    probe.program(image(b"one"))
    assert probe.counts() is None
    probe.clear_counts()
    assert probe.counts() == Counts(1, 1000, None)
    assert probe.instructions(3, 5) == 15


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"garbage",
        b"[]",
        b'{"do": "dance"}',
        b'{"do": "program", "bytes": -1}',
        b'{"do": "program", "bytes": 1e99}',
        b'{"do": "program", "bytes": "x"}',
        b'{"do": "program"}',
        b'{"do": "instructions"}',
        b'{"do": {}}',
        b"\xff" * 5000,
    ],
)
def test_what_makes_no_sense_is_answered_and_survived(place, probe, image, line):
    probe.program(image(b"one"))
    with console(place + 1) as bad:
        bad.sendall(line + b"\n")
        answer = json.loads(bad.makefile("rb").readline())
        assert "no request" in answer["error"] or "is refused" in answer["error"]
    with RemoteEmulator("", f"socket://127.0.0.1:{place + 1}") as again:
        assert again.counts() is None


def test_an_image_that_breaks_off_is_not_run(place, probe, image):
    probe.program(image(b"one"))
    with console(place + 1) as bad:
        bad.sendall(b'{"do": "program", "bytes": 100}\nshort')
        bad.shutdown(socket.SHUT_WR)
        assert "broke off" in json.loads(bad.makefile("rb").readline())["error"]
    with console(place) as line:
        assert line.recv(3) == b"one"


def test_a_probe_that_is_not_there_is_an_error(place):
    with pytest.raises(DeviceError, match=r"cannot be reached.*`tinygen rig serve`"):
        RemoteEmulator("", "socket://127.0.0.1:1")


def test_a_port_that_is_taken_is_an_error(place):
    with (
        pytest.raises(DeviceError, match="cannot be served"),
        EmulatedPlace(BOARD, "127.0.0.1", place),
    ):
        raise AssertionError
