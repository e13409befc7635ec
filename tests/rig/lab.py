"""A labgrid coordinator and exporters on this machine, with labgrid in its own environment."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tinygen import paths
from tinygen.device.emulators.tied import TiedProcess
from tinygen.errors import ToolchainError
from tinygen.rig import installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tinygen.rig.installed import Labgrid

LOCK = Path(__file__).with_name("labgrid.lock")
SECONDS = 120


def labgrid() -> Labgrid:
    """labgrid as TINYGEN_LABGRID names it, else as its lock file says, installed on first use."""
    if os.environ.get(installed.VARIABLE):
        return installed.find()
    digest = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = paths.cache_dir() / f"labgrid-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other workers want it too
        done = folder / "complete"
        if not done.exists():
            _install(folder)
            done.touch()
    return installed.find(folder)


def _install(folder: Path) -> None:
    pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]
    for command in (
        [sys.executable, "-m", "venv", "--clear", folder],
        [*pip, "install", "--quiet", "--require-hashes", "-r", LOCK],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"labgrid cannot be installed: {done.stderr.strip().splitlines()[-1]}")


def available() -> Labgrid:
    """The same; skips the tests, with the reason, where it cannot be had."""
    try:
        return labgrid()
    except ToolchainError as error:
        pytest.skip(str(error))


class Lab:
    """A running coordinator at ``address``, and the folder that it keeps its places in."""

    def __init__(self, tools: Labgrid, folder: Path) -> None:
        self.tools = tools
        self._folder = folder
        log = folder / "coordinator.log"
        self._coordinator = self._start(log, "labgrid-coordinator", "-l", "127.0.0.1:0")
        found = eventually(
            lambda: re.search(r"listening on \S*?:(\d+)$", log.read_text(), re.MULTILINE),
            f"the coordinator did not come up: {log}",
        )
        self.address = f"127.0.0.1:{found[1]}"

    def export(self, name: str, resources: str) -> TiedProcess:
        """An exporter of this name and file, which is known to the coordinator on return."""
        file = self._folder / f"{name}.yaml"
        file.write_text(resources)
        log = self._folder / f"{name}.log"
        process = self._start(log, "labgrid-exporter", "-c", self.address, "-n", name, str(file))
        eventually(lambda: f"{name}/" in self.client("resources", "-e", name), "no resources")
        return process

    def client(self, *arguments: str) -> str:
        """What labgrid-client says."""
        command = [self.tools.client, "-x", self.address, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def shell(self, commands: str) -> None:
        """Commands as `tinygen rig places` prints them."""
        path = f"{self.tools.programs}:{os.environ['PATH']}"
        env = os.environ | {"PATH": path, "LG_COORDINATOR": self.address}
        subprocess.run(["sh", "-e"], input=commands, text=True, env=env, check=True)

    def close(self) -> None:
        self._coordinator.end()

    def _start(self, log: Path, program: str, *arguments: str) -> TiedProcess:
        with log.open("w") as output:
            return TiedProcess(
                [str(self.tools.programs / program), *arguments],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Lab]:
    lab = Lab(available(), folder)
    try:
        yield lab
    finally:
        lab.close()


def eventually(true: Callable[[], object], what: str, seconds: float = SECONDS) -> object:
    """What ``true`` gives once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return found


def free_ports(count: int) -> list[int]:
    """Ports such that the next one is free as well."""
    import socket

    found: list[int] = []
    while len(found) < count:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = first.getsockname()[1]
            with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port + 1)):
                if not {port, port + 1, port - 1} & set(found):
                    found.append(port)
    return found
