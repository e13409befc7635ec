"""The console of an emulated board as a pseudo-terminal: a serial port for any program.

What the board says while no program has the port open is lost, as on a USB adapter: a program must
not find an answer that belongs to the one before it.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import socket
import time
import tty
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tinygen.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_CHUNK = 4096
_LOOK_SECONDS = 0.02  # how often it is seen whether the port was opened, and whether to end


class PtyPort:
    """A pseudo-terminal in front of a board's ``socket://`` URL; ``path`` is its name.

    Raises DeviceError when there is nothing at the URL.
    """

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        try:
            self._board = socket.create_connection((address.hostname, address.port))
        except OSError as error:
            raise DeviceError(f"{url} cannot be reached ({error.strerror})") from error
        self._board.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._port, other = pty.openpty()
        self.path = os.ttyname(other)
        # Nobody has it open now, which is how it is told that nobody listens.
        os.close(other)
        os.set_blocking(self._port, False)

    def serve(self, until: Callable[[], bool]) -> None:
        """Carries bytes both ways until ``until`` says so.

        Raises DeviceError when the board ends.
        """
        opened = False
        while not until():
            was_opened, opened = opened, not self._events() & select.POLLHUP
            if opened and not was_opened:
                # Without echo and line editing, also for a program that does not ask for that.
                tty.setraw(self._port)
            # A port that is not open is always ready, so it is only looked at now and then.
            watched: list[socket.socket | int] = [self._board]
            if opened:
                watched.append(self._port)
            ready, _, _ = select.select(watched, [], [], _LOOK_SECONDS)
            if self._events() & select.POLLIN:  # also what was written just before it was closed
                self._to_board()
            if self._board in ready:
                self._from_board(keep=opened)

    def close(self) -> None:
        """Takes the port away."""
        os.close(self._port)
        self._board.close()

    def __enter__(self) -> PtyPort:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _events(self) -> int:
        """POLLIN where a program has written, POLLHUP where none has the port open."""
        poll = select.poll()
        poll.register(self._port, select.POLLIN)
        return sum(events for _, events in poll.poll(0))

    def _to_board(self) -> None:
        with contextlib.suppress(OSError):  # the program has just closed the port
            self._board.sendall(os.read(self._port, _CHUNK))

    def _from_board(self, *, keep: bool) -> None:
        try:
            data = self._board.recv(_CHUNK)
        except OSError:
            data = b""
        if not data:
            raise DeviceError("the emulated board has ended; start it again")
        while keep and data and not self._events() & select.POLLHUP:
            try:
                data = data[os.write(self._port, data) :]
            except BlockingIOError:  # the program reads slowly
                time.sleep(_LOOK_SECONDS)
