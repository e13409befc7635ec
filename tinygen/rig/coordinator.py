"""A labgrid coordinator: which boards it has, and one of them for a while.

agent.py does the talking, in labgrid's interpreter. It speaks the coordinator's own protocol with
the stubs that labgrid ships: typed messages and status codes, where labgrid-client prints text for
people.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import secrets
import socket
import subprocess
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, TYPE_CHECKING, Any

from tinygen.errors import DeviceError, NoDeviceError
from tinygen.rig import installed
from tinygen.rig.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tinygen.progress import Progress
    from tinygen.rig.installed import Labgrid

_AGENT = Path(__file__).with_name("agent.py")
_ANSWER_SECONDS = 60  # the agent itself gives up sooner
LEASE_SECONDS = 90.0


class Coordinator:
    """The coordinator at ``address``, HOST:PORT, asked under a name of this process's own.

    A machine that is lost frees its board ``lease`` seconds after somebody starts to wait for it;
    all who share a coordinator need the same lease.
    """

    def __init__(self, address: str, labgrid: Labgrid, lease: float = LEASE_SECONDS) -> None:
        self.address = address if ":" in address else f"{address}:20408"
        self.labgrid = labgrid
        self.host = socket.gethostname()
        self.user = f"tinygen-{getpass.getuser()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._lease = lease

    def places(self) -> tuple[Place, ...]:
        """Every place with its resources.

        Raises NoDeviceError when there is no coordinator.
        """
        with _Agent(self, "list") as agent:
            said = agent.next(_ANSWER_SECONDS)
        return tuple(Place.model_validate(place) for place in said["places"])

    @contextlib.contextmanager
    def hold(
        self, tags: Mapping[str, str], progress: Progress, wait: float | None = None
    ) -> Iterator[Place]:
        """A place with these tags that nobody else has, released at the end.

        It is released as well when this process is killed. ``wait`` is in seconds, for ever by
        default. Raises NoDeviceError when there is no coordinator, no such place, or none that
        becomes free in time; DeviceError when the place cannot be acquired, or was lost meanwhile.
        """
        what = " ".join(f"{key}={value}" for key, value in tags.items())
        wanted = [f"{key}={value}" for key, value in tags.items()]
        progress.step(f"reserving {what} at {self.address}")
        with _Agent(self, "hold", str(self._lease), *wanted) as agent:
            place = self._acquired(agent, what, progress, wait)
            progress.step(f"acquired {place.name}")
            yield place
            agent.finish()

    def _acquired(self, agent: _Agent, what: str, progress: Progress, wait: float | None) -> Place:
        deadline = None if wait is None else time.monotonic() + wait
        holders = "nobody says why"
        while True:
            try:
                said = agent.next(None if deadline is None else deadline - time.monotonic())
            except Empty:
                raise NoDeviceError(
                    f"no place with {what} became free at {self.address} in {wait:g} s "
                    f"({holders}); wait longer, or ask who has it"
                ) from None
            if said["event"] == "acquired":
                return Place.model_validate(said["place"])
            if said["event"] == "waiting":
                holders = ", ".join(f"{place} is with {who}" for place, who in said["places"])
                progress.step(f"waiting: {holders}")
            elif said["event"] == "freed":
                progress.step(f"freed {said['place']}, which {said['holder']} had left behind")


def at(address: str) -> Coordinator:
    """The coordinator at HOST:PORT, or HOST; it is not asked yet.

    Raises ToolchainError when labgrid is not installed.
    """
    return Coordinator(address, installed.find())


class _Agent:
    """A running agent.py; a context manager that lets it release what it holds."""

    def __init__(self, coordinator: Coordinator, *task: str) -> None:
        self._coordinator = coordinator
        self._task = task
        name = f"{coordinator.host}/{coordinator.user}"
        self._process = subprocess.Popen(
            [coordinator.labgrid.python, "-I", _AGENT, coordinator.address, name, *task],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for us; the agent ends by the pipe
        )
        self._events: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._complaints = ""
        self._readers = (
            threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._collect, args=(self._process.stderr,), daemon=True),
        )
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> _Agent:
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(OSError):
            self._input.close()
        try:
            self._process.wait(_ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join()

    def next(self, seconds: float | None) -> dict[str, Any]:
        """What the agent says next; raises Empty after so many seconds, else as told."""
        event = self._events.get(timeout=None if seconds is None else max(seconds, 0))
        if event is None:
            self._readers[1].join()
            last = self._complaints.strip().rpartition("\n")[2] or "it said nothing"
            raise DeviceError(
                f"labgrid in {self._coordinator.labgrid.programs.parent} stopped ({last}); "
                "docs/rigs.md says which versions tinygen works with"
            )
        if event["event"] == "error":
            raise self._error(event["kind"], event["said"])
        return event

    def finish(self) -> None:
        """Has the place released; raises DeviceError when it was lost before."""
        with contextlib.suppress(OSError):
            self._input.close()
        with contextlib.suppress(Empty):
            while self.next(_ANSWER_SECONDS)["event"] != "released":
                continue

    def _error(self, kind: str, said: str) -> DeviceError:
        where = f"the labgrid coordinator at {self._coordinator.address}"
        if kind == "missing":
            tags = " ".join(self._task[2:])
            return NoDeviceError(
                f"{where} has no place with {tags}; `tinygen rig places` makes one"
            )
        if kind == "absent":
            return NoDeviceError(
                f"{where} cannot be used: {said}; start it, or correct the address"
            )
        if kind == "taken":
            return DeviceError(f"the board was lost during the run, as {said}; run it again")
        if kind == "lost":
            return DeviceError(f"{where} went away ({said}); run it again when it is back")
        return DeviceError(f"{where} refuses ({said}); see `tinygen rig check`")

    @property
    def _input(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _listen(self, stream: IO[str]) -> None:
        for line in stream:
            self._events.put(json.loads(line))
        self._events.put(None)

    def _collect(self, stream: IO[str]) -> None:
        self._complaints = stream.read()
