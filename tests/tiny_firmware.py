"""Firmware with the small network of tests/firmware_host, and ways to run it in QEMU."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from types import SimpleNamespace

import loopback

from tinygen import firmware
from tinygen.device.session import Session
from tinygen.device.transport import SerialTransport
from tinygen.errors import DeviceError

SHA256 = bytes(range(100, 132))


def network(**files):
    """The small network as a compiled model; ``files`` replace or add to its C (by stem)."""
    texts = {path.name: path.read_text() for path in (loopback.HOST / "network").iterdir()}
    texts |= {f"{stem}.c": text for stem, text in files.items()}
    return SimpleNamespace(
        name="network",
        graph=SimpleNamespace(inputs=(0, 1), outputs=(0, 1)),
        files=texts,
        plan=SimpleNamespace(nbytes=2064),
        uses_cmsis_nn=False,
        selection=SimpleNamespace(objective="latency"),
    )


def build(board, folder, **files):
    """A firmware image with the small network."""
    return firmware.build(network(**files), board, folder, SHA256)


@contextlib.contextmanager
def qemu_session(board, elf):
    """A conversation with an image that runs in QEMU."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    emulator = board.emulator
    command = ["qemu-system-arm", "-M", emulator.machine, "-m", emulator.memory, "-kernel", elf]
    command += ["-display", "none", "-monitor", "none"]
    command += ["-icount", f"shift={emulator.icount_shift},sleep=off"]
    command += ["-serial", f"tcp:127.0.0.1:{port},server=on,wait=on"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with Session(_connect(f"socket://127.0.0.1:{port}", board.console.baud)) as session:
            yield session
    finally:
        process.kill()
        process.wait()


def _connect(url, baud):
    """QEMU listens only after it has started."""
    for _ in range(100):
        with contextlib.suppress(DeviceError):
            return SerialTransport(url, baud)
        time.sleep(0.1)
    raise TimeoutError(url)


def instructions(board, device, ticks):
    """Instructions behind ticks of the counter: one takes 2**icount_shift ns of virtual time."""
    return ticks * 1e9 / device.counter_hz / 2**board.emulator.icount_shift
