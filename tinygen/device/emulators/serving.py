"""An emulated board for other programs, until somebody ends it."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

from tinygen.device import emulators
from tinygen.device.emulators.pty_port import PtyPort
from tinygen.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tinygen.built import Built


def serve(
    firmware: Built, announce: Callable[[str], None], *, link: Path | None, tcp: bool
) -> None:
    """Run firmware on its emulated board until SIGINT or SIGTERM.

    ``announce`` gets what to connect to: the name of a pseudo-terminal, or of the ``link`` to it,
    or with ``tcp`` a URL for pyserial. Raises ConfigError when ``link`` is taken, DeviceError when
    the board ends by itself, and what :func:`tinygen.device.emulators.start` does.
    """
    ended = threading.Event()
    with ending(ended), emulators.start(firmware.board, firmware.elf) as board:
        if tcp:
            announce(board.url)
            ended.wait()
            return
        with PtyPort(board.url) as port, _linked(link, port.path) as name:
            announce(name)
            port.serve(ended.is_set)


@contextlib.contextmanager
def ending(ended: threading.Event) -> Iterator[None]:
    """Sets the event instead of being killed, so that the emulator ends with us."""
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _linked(link: Path | None, port: str) -> Iterator[str]:
    """A symbolic link to the port, whose own name is another every time."""
    if link is None:
        yield port
        return
    if link.is_symlink():
        link.unlink()  # left by one that was killed
    if link.exists():
        raise ConfigError(f"{link} exists and is no link; name another one with --link")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(port)
    try:
        yield str(link)
    finally:
        if link.is_symlink() and os.readlink(link) == port:
            link.unlink()
