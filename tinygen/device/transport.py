"""The serial line to a board: opening it, finding it, and bytes over it.

Every failure is a DeviceError of one sentence that names the port and what to do.
"""

from __future__ import annotations

import errno
import select
import time
from typing import TYPE_CHECKING, Any, Protocol

import serial
from serial.tools import list_ports

from tinygen.errors import DeviceError, NoDeviceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

_CHUNK = 65536


class Transport(Protocol):
    """What a session needs of a line."""

    name: str
    baud: int

    def write(self, data: bytes) -> None:
        """Sends bytes."""
        ...

    def read(self, timeout: float) -> bytes:
        """What has arrived, waiting at most ``timeout`` seconds for the first byte."""
        ...

    def close(self) -> None:
        """Lets go of the line."""
        ...


class SerialTransport:
    """A serial port, or anything else pyserial has a URL for (``socket://``, ``rfc2217://``).

    Raises NoDeviceError when there is no such port, DeviceError when it cannot be opened, or fails
    later.
    """

    def __init__(self, url: str, baud: int = 115_200) -> None:
        self.name = url
        self.baud = baud
        try:
            self._port: Any = serial.serial_for_url(url, baudrate=baud, timeout=0, write_timeout=5)
        except (OSError, ValueError) as error:
            absent = getattr(error, "errno", None) in (errno.ENOENT, errno.ECONNREFUSED)
            kind = NoDeviceError if absent else DeviceError
            raise kind(f"{url} {_why_not_open(error)}") from error
        self._pollable = _has_descriptor(self._port)

    def write(self, data: bytes) -> None:
        """Sends bytes."""
        try:
            self._port.write(data)
        except OSError as error:
            raise DeviceError(self._gone(error)) from error

    def read(self, timeout: float) -> bytes:
        """What has arrived, waiting at most ``timeout`` seconds for the first byte."""
        try:
            if self._pollable:
                # One system call per burst; pyserial itself would wait for the whole chunk.
                ready, _, _ = select.select([self._port], [], [], max(timeout, 0))
                return bytes(self._port.read(_CHUNK)) if ready else b""
            return self._read_by_polling(timeout)
        except (OSError, ValueError) as error:
            raise DeviceError(self._gone(error)) from error

    def _read_by_polling(self, timeout: float) -> bytes:
        deadline = time.monotonic() + timeout
        while not self._port.in_waiting:
            if time.monotonic() >= deadline:
                return b""
            time.sleep(0.001)
        return bytes(self._port.read(self._port.in_waiting))

    def close(self) -> None:
        """Lets go of the port."""
        self._port.close()

    def __enter__(self) -> SerialTransport:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _gone(self, error: Exception) -> str:
        return (
            f"{self.name} broke off ({error}); see that the board is still plugged in and that no "
            "other program has the port open"
        )


def find_port(board: str, usb_ids: Sequence[str]) -> str:
    """The serial port of a plugged-in board, by its USB ids (``"vid:pid"`` in hexadecimal).

    Raises NoDeviceError when there is none, DeviceError when there is more than one.
    """
    wanted = {usb_id.lower() for usb_id in usb_ids}
    found = sorted(
        port.device
        for port in list_ports.comports()
        if port.vid is not None and f"{port.vid:04x}:{port.pid:04x}" in wanted
    )
    if len(found) == 1:
        return str(found[0])
    if found:
        raise DeviceError(
            f"{len(found)} ports fit board {board} ({', '.join(found)}); choose one with --port"
        )
    raise NoDeviceError(
        f"no board {board} is plugged in (USB ids looked for: {', '.join(sorted(wanted)) or 'none'}"
        "); name its port with --port, or run the emulated board with --emulator"
    )


def _has_descriptor(port: Any) -> bool:
    try:
        return int(port.fileno()) >= 0
    except (AttributeError, OSError, ValueError):
        return False


def _why_not_open(error: Exception) -> str:
    reasons = {
        errno.ENOENT: "does not exist; see which ports there are with `tinygen doctor`",
        errno.EACCES: "may not be opened by this user; add the user to the group dialout",
        errno.EBUSY: "is in use by another program; close it",
        errno.ECONNREFUSED: "refuses the connection; see that the other side is running",
    }
    number = getattr(error, "errno", None)
    if number in reasons:
        return reasons[number]
    return f"cannot be opened: {error}"
