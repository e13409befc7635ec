"""A board under unicorn as a process: its console on a TCP port, its counts on standard output.

    python -m tinygen.device.emulators.server BOARD IMAGE

prints ``{"port": N}`` once it listens on 127.0.0.1, serves one connection after another, answers
each line on standard input (``counts``, ``clear``, ``reset`` or ``watch FILE``) with one line of
JSON, and ends when standard input does, so that it never outlives its parent.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from tinygen import boards
from tinygen.device import cycles
from tinygen.device.emulators.image import read_image
from tinygen.device.emulators.machine import Machine
from tinygen.device.memory_model import memory_model
from tinygen.device.timed_run import TimedRun
from tinygen.errors import TinygenError

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHUNK = 65536
_FLUSH_FROM = 2048


class _Console:
    """The far end of the board's serial line: one TCP connection after another."""

    def __init__(self, wake: queue.SimpleQueue[str | bytes]) -> None:
        self._wake = wake
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connection: socket.socket | None = None
        self._outgoing = bytearray()
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def transmit(self, byte: int) -> None:
        self._outgoing.append(byte)
        if len(self._outgoing) >= _FLUSH_FROM:
            self.flush()

    def flush(self) -> None:
        """Sends what the board has transmitted; with nobody there it is lost, as on a real line."""
        data, self._outgoing = bytes(self._outgoing), bytearray()
        connection = self._connection
        if data and connection:
            try:
                connection.sendall(data)
            except OSError:
                self._connection = None

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connection = connection
            with connection:
                while data := _receive(connection):
                    self._wake.put(data)
            self._connection = None


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(_CHUNK)
    except OSError:
        return b""


class _Server:
    """Ties the board to its console and to the commands on standard input."""

    def __init__(self, board: boards.Board, image: Path) -> None:
        self._events: queue.SimpleQueue[str | bytes] = queue.SimpleQueue()
        self._console = _Console(self._events)
        self._cycles = cycles.model(board.cpu)
        self._memory = memory_model(board)
        self._machine = Machine(board, read_image(image), self._console.transmit)
        self._timed = self._time()

    def _time(self) -> TimedRun | None:
        """Starts to model cycles, with caches that are empty; None for a core without a table."""
        if self._cycles is None:
            return None
        cpu = self._machine.cpu
        return TimedRun(cpu.counter, self._cycles, self._memory, cpu.read)

    def run(self, commands: TextIO, answers: TextIO) -> None:
        self._answers = answers
        self._answer({"port": self._console.port})
        threading.Thread(target=self._read_commands, args=(commands,), daemon=True).start()
        self._machine.cpu.run(self._sleep)

    def _read_commands(self, commands: TextIO) -> None:
        for line in commands:
            if line.strip() == "reset":
                # Now, and not when the core next waits: it may be in the middle of an inference.
                self._machine.cpu.restart()
            self._events.put(line.strip())
        # The core may be in the middle of something endless, so there is nobody left to tell.
        os._exit(0)

    def _sleep(self) -> bool:
        """The core waits: bytes and commands are handled until there is a byte for it."""
        self._console.flush()
        if self._timed and self._machine.windows:
            self._timed.settle()  # after the first inference, so that the others are fast
        while True:
            event = self._events.get()
            if isinstance(event, bytes):
                self._machine.console.deliver(event)
                return True
            self._execute(event)
            if event == "reset":
                return True

    def _execute(self, command: str) -> None:
        counter = self._machine.cpu.counter
        if command == "counts":
            blocks = counter.blocks()
            self._answer(
                {
                    "windows": self._machine.windows,
                    "instructions": sum(b.instructions * b.entered for b in blocks),
                    "cycles_modelled": self._timed.cycles() if self._timed else None,
                }
            )
        elif command == "clear":
            if self._timed:
                self._timed.settle()
            counter.clear()
            self._machine.windows = 0
            self._timed = self._time()
            self._answer({})
        elif command == "reset":
            self._answer({})
        elif command.startswith("watch "):
            self._watch(Path(command.removeprefix("watch ")))
            self._answer({})

    def _watch(self, path: Path) -> None:
        """Writes every edge of the trigger pin, whether anybody reads it or not."""
        stream = path.open("w", buffering=1)  # it stays open as long as this process

        def edge(level: bool, instructions: int) -> None:
            with contextlib.suppress(OSError):
                stream.write(f"{int(level)} {instructions}\n")

        self._machine.edge = edge

    def _answer(self, values: dict[str, int | None]) -> None:
        print(json.dumps(values), file=self._answers, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Runs the board named first with the image named second; returns the exit code."""
    name, image = arguments
    try:
        server = _Server(boards.load_board(name), Path(image))
    except TinygenError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return error.exit_code
    server.run(sys.stdin, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
