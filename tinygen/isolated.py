"""Call functions in an interpreter of their own.

Some native libraries do not get along in one process (OR-Tools crashes once TensorFlow is loaded),
and some crash on input that they should refuse. In another process neither can take the command
down. The other interpreter is started by the first call and kept for the next ones.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
import tempfile
from typing import IO, TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Crashed(Exception):  # noqa: N818 - what happened, for the caller to turn into an error
    """The other process died; the message is the last line it wrote."""


class _Worker:
    """The other interpreter: pickled calls on its standard input, outcomes on its output."""

    def __init__(self) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives with the worker
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def call(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump((function, arguments), self._process.stdin)
            self._process.stdin.flush()
            error, value = pickle.load(self._process.stdout)  # noqa: S301 - our own process
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            raise Crashed(self._last_words()) from None
        if error is not None:
            raise error
        return value

    def _last_words(self) -> str:
        status = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit status {status}"

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()


_worker: _Worker | None = None


def call(function: Callable[..., T], *arguments: Any) -> T:
    """``function(*arguments)``: importable by name, with arguments and a result that pickle.

    Raises what the function raises, and Crashed when its process dies instead.
    """
    global _worker
    if _worker is None:
        _worker = _Worker()
        atexit.register(stop)
    try:
        result: T = _worker.call(function, arguments)
    except Crashed:
        stop()
        raise
    return result


def stop() -> None:
    """End the other interpreter, if there is one."""
    global _worker
    if _worker is not None:
        _worker.stop()
        _worker = None


def _serve() -> None:
    """Answer calls until standard input ends."""
    # Native libraries print as they like: what they print must not join the outcomes.
    outcomes = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    outcome: tuple[Exception | None, Any]
    while True:
        try:
            function, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own parent
        except EOFError:
            return
        try:
            outcome = (None, function(*arguments))
        except Exception as error:
            outcome = (error, None)
        pickle.dump(outcome, outcomes)
        outcomes.flush()


if __name__ == "__main__":
    _serve()
