"""An MPS board under QEMU, with exact instruction counts.

With ``-icount shift=N,sleep=off`` every instruction takes 2**N ns of virtual time, and the board's
timers run on virtual time: their ticks are instructions, to within one tick, in every run.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING

from tinygen.device.emulators.tied import TiedProcess
from tinygen.errors import DeviceError, ToolchainError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from tinygen.boards import Board, QemuEmulator
    from tinygen.device.emulators.running import Counts

PROGRAM = "qemu-system-arm"
_START_SECONDS = 30
_UP = "waiting for connection"


class QemuBoard:
    """The running board.

    Raises ToolchainError when QEMU is not installed, DeviceError when it does not start.
    """

    def __init__(self, board: Board, emulator: QemuEmulator, elf: Path) -> None:
        program = shutil.which(PROGRAM)
        if program is None:
            raise ToolchainError(
                f"{PROGRAM}, which emulates {board.name}, is not installed; run "
                "`apt install qemu-system-arm`"
            )
        self._shift = emulator.icount_shift
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the process)
        # QEMU gets a socket that listens already: no other process can take the port in between,
        # and a connection waits in its queue until QEMU is up.
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            self._process = TiedProcess(
                _command(program, emulator, elf, listener.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                pass_fds=[listener.fileno()],
            )
        self.url = f"socket://127.0.0.1:{port}"
        self._await_start(board)

    def instructions(self, ticks: int, counter_hz: int) -> int:
        """Instructions of so many ticks of a timer at ``counter_hz``."""
        return round(ticks * 1_000_000_000 / (counter_hz << self._shift))

    def counts(self) -> Counts | None:
        """QEMU does not tell which blocks ran."""
        return None

    def clear_counts(self) -> None:
        """There are none."""

    def close(self) -> None:
        """Ends QEMU."""
        self._process.end()
        self._errors.close()

    def __enter__(self) -> QemuBoard:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _await_start(self, board: Board) -> None:
        """QEMU says when it waits for the console's connection, or ends and says why."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            ended = self._process.ended
            self._errors.seek(0)
            said = " ".join(self._errors.read().split())
            if _UP in said:
                return
            if ended or time.monotonic() > deadline:
                self.close()
                raise DeviceError(f"QEMU does not run board {board.name}: {said or 'no message'}")
            time.sleep(0.005)


def _command(program: str, emulator: QemuEmulator, elf: Path, descriptor: int) -> list[str]:
    return [
        program,
        *("-M", emulator.machine),
        *("-m", emulator.memory),
        *("-icount", f"shift={emulator.icount_shift},sleep=off"),
        *("-kernel", str(elf)),
        *("-nodefaults", "-display", "none", "-monitor", "none"),
        *("-chardev", f"socket,id=console,fd={descriptor},server=on,wait=on,nodelay=on"),
        *("-serial", "chardev:console"),
    ]
