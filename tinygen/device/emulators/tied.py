"""A process that does not outlive this one, however this one ends.

``kill -9`` leaves no time to end a child, and what Linux offers for that (PR_SET_PDEATHSIG) strikes
when the thread that started the child ends, not the process. So a shell watches: it waits at a pipe
whose other end only this process has, and kills the child when that end closes without a word.
"""

from __future__ import annotations

import subprocess
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_WATCH = 'read -r farewell || kill -KILL "$0"'


class TiedProcess:
    """A running command. It is killed by :meth:`end`, at interpreter exit, or by the watch.

    ``options`` are those of subprocess.Popen.
    """

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        self._process: subprocess.Popen[bytes] = subprocess.Popen(command, **options)
        watch = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what a terminal sends to a group of processes is not for it
        )
        self._end = weakref.finalize(self, _end, self._process, watch)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the command has ended by itself."""
        return self._process.poll() is not None

    def end(self) -> None:
        """Kills the process; does nothing the second time."""
        self._end()


def _end(process: subprocess.Popen[bytes], watch: subprocess.Popen[bytes]) -> None:
    process.kill()
    # The watch is sent home before the process's number may become another's.
    watch.communicate(b"\n")
    process.wait()
