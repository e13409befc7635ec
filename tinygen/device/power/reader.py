"""Reading a meter's stream while the board works."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_POLL = 0.002


class Reader:
    """Collects what ``read`` returns, in a thread, so that the meter never has to wait.

    ``read`` returns within a moment, with or without bytes.
    """

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._received = bytearray()
        self._error: Exception | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait_for(self, text: bytes, seconds: float) -> bool:
        """Whether the text arrives within so many seconds; raises what ``read`` has raised."""
        deadline = time.monotonic() + seconds
        while text not in self._received:
            if time.monotonic() > deadline or not self._thread.is_alive():
                self._raise()
                return text in self._received
            time.sleep(_POLL)
        return True

    def end(self) -> bytes:
        """Stops reading; everything that has arrived. Raises what ``read`` has raised."""
        self._ended.set()
        self._thread.join()
        self._raise()
        return bytes(self._received)

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                data = self._read()
                if data:
                    self._received += data
                else:
                    self._ended.wait(_POLL)
        except Exception as error:  # it is raised where the result is asked for
            self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
