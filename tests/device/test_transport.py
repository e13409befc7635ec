import os
import pty
import socket
import threading
import time
import tty

import pytest
from serial.tools import list_ports

from tinygen.device.transport import SerialTransport, find_port
from tinygen.errors import DeviceError


def test_bytes_go_both_ways_over_a_pty():
    master, slave = pty.openpty()
    tty.setraw(slave)
    with SerialTransport(os.ttyname(slave)) as line:
        line.write(b"to the board\0")
        assert os.read(master, 100) == b"to the board\0"
        os.write(master, bytes(range(256)))
        assert line.read(1) == bytes(range(256))
        started = time.monotonic()
        assert line.read(0.05) == b""
        assert 0.04 < time.monotonic() - started < 1
    os.close(slave)
    os.close(master)


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener, f"socket://127.0.0.1:{listener.getsockname()[1]}"


def test_bytes_go_both_ways_over_a_socket(server):
    listener, url = server
    with SerialTransport(url) as line:
        peer, _ = listener.accept()
        line.write(b"ping")
        assert peer.recv(10) == b"ping"
        peer.sendall(b"x" * 5000)
        got = b""
        while len(got) < 5000:
            got += line.read(1)
        assert got == b"x" * 5000
        threading.Timer(0.05, peer.close).start()
        with pytest.raises(DeviceError, match="broke off"):
            line.read(1)


def test_a_port_without_a_descriptor_is_polled():
    with SerialTransport("loop://") as line:
        assert line.read(0.01) == b""
        line.write(b"abc")
        assert line.read(0.5) == b"abc"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("/dev/ttyNONE7", "/dev/ttyNONE7 does not exist"),
        ("socket://127.0.0.1:1", "cannot be opened|refuses the connection"),
        ("nonsense://x", "nonsense://x cannot be opened"),
    ],
)
def test_a_port_that_cannot_be_opened_is_one_sentence(url, sentence):
    with pytest.raises(DeviceError, match=sentence) as caught:
        SerialTransport(url)
    assert "\n" not in str(caught.value)


class Port:
    def __init__(self, device, vid, pid):
        self.device, self.vid, self.pid = device, vid, pid


def test_a_board_is_found_by_its_usb_ids(monkeypatch):
    ports = [Port("/dev/ttyS0", None, None), Port("/dev/ttyACM1", 0x0483, 0x374B)]
    monkeypatch.setattr(list_ports, "comports", lambda: ports)
    assert find_port("nucleo", ["0483:374B"]) == "/dev/ttyACM1"
    with pytest.raises(DeviceError, match=r"no board other is plugged in .* --emulator"):
        find_port("other", ["1366:1015"])
    ports.append(Port("/dev/ttyACM2", 0x0483, 0x374B))
    with pytest.raises(DeviceError, match=r"2 ports .*ACM1, /dev/ttyACM2\); choose one"):
        find_port("nucleo", ["0483:374b"])
