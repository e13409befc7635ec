"""Who works on a trial, and whether they still live.

A worker holds a lock on a file for as long as it works on a trial; the system lets go of it when
the process ends, however it ends. Another worker of the same machine that can take the lock knows
the trial has been left. Workers of other machines are known by the heartbeat of the storage.
"""

from __future__ import annotations

import fcntl
import platform
import secrets
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def held(path: Path) -> Iterator[dict[str, str] | None]:
    """Hold the lock of a trial; what others need to know of it, or None when somebody has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream:
        if not _taken(stream):
            yield None
            return
        token = secrets.token_hex(8)
        stream.truncate(0)
        stream.write(token)
        stream.flush()
        yield {"host": platform.node(), "lock": str(path.resolve()), "token": token}


@contextmanager
def inherited(claim: Any) -> Iterator[bool]:
    """Whether a trial has been left by the worker of this machine that had claimed it.

    If so, nobody else can claim it within the context.
    """
    try:
        stream = open(claim["lock"], "r+")  # noqa: SIM115 - closed below
    except (OSError, TypeError, KeyError):
        yield False
        return
    with stream:
        # The token tells the file of that worker from one that lies there on another machine.
        mine = claim.get("host") == platform.node() and stream.read() == claim.get("token")
        yield mine and _taken(stream)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait for the lock of a file, and hold it: for what one worker has to do before others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _taken(stream: IO[str]) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
