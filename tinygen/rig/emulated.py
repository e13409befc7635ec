"""An emulated board on an exporter: a console and a probe on two TCP ports.

A board is blank until an image comes through its probe, and keeps that image from one client to the
next, as a real one does. The console carries the bytes of the board's serial line; what is sent to
a blank board is lost. The probe takes one line of JSON at a time and answers each with one:

    {"do": "program", "bytes": N} and N bytes of an ELF file    {} or {"error": "..."}
    {"do": "clear"}                                             {}
    {"do": "counts"}        {"windows": W, "instructions": I, "cycles_modelled": C or null} or null
    {"do": "instructions", "ticks": T, "counter_hz": F}         {"instructions": I}

A port has one connection at a time; a new one ends the old one, whose machine may be long gone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

from tinygen.device import emulators
from tinygen.device.emulators import serving
from tinygen.errors import DeviceError, TinygenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tinygen.boards import Board
    from tinygen.device.emulators.running import RunningEmulator
    from tinygen.rig.environment import Wired

MOST_IMAGE_BYTES = 64 << 20
_MOST_LINE_BYTES = 1000
_CHUNK = 65536


class EmulatedPlace:
    """A board at ``port`` (its console) and ``port + 1`` (its probe); a context manager.

    Raises DeviceError when one of the ports is taken.
    """

    def __init__(self, board: Board, host: str, port: int) -> None:
        self.board = board
        self._lock = threading.Lock()
        self._running: RunningEmulator | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="tinygen-rig-")
        with contextlib.ExitStack() as opened:
            self._console = opened.enter_context(_Port(host, port, self._serve_console))
            opened.enter_context(_Port(host, port + 1, self._serve_probe))
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Ends the board and closes its ports."""
        self._opened.close()
        self._replace(None)
        self._folder.cleanup()

    def __enter__(self) -> EmulatedPlace:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _replace(self, image: bytes | None) -> None:
        """Another image on the board; None ends it."""
        with self._lock:
            if self._running is not None:
                self._running.close()
                self._running = None
            self._console.disconnect()
            if image is None:
                return
            # It stays as long as the board: QEMU reads it some time after its start.
            elf = Path(self._folder.name) / "firmware.elf"
            elf.write_bytes(image)
            self._running = emulators.start(self.board, elf)

    def _serve_console(self, client: socket.socket) -> None:
        with self._lock:
            running = self._running
        if running is None:
            while client.recv(_CHUNK):
                continue
            return
        address = urlsplit(running.url)
        with socket.create_connection((address.hostname, address.port)) as board:
            board.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=_carry, args=(board, client), daemon=True)
            back.start()
            _carry(client, board)
            back.join()

    def _serve_probe(self, client: socket.socket) -> None:
        with client.makefile("rb") as stream:
            while line := stream.readline(_MOST_LINE_BYTES):
                try:
                    answer = self._answer(json.loads(line), stream)
                except TinygenError as error:
                    answer = {"error": str(error)}
                except (ValueError, LookupError, TypeError, OverflowError):
                    answer = {"error": "that is no request to an emulated board's probe"}
                client.sendall(json.dumps(answer).encode() + b"\n")

    def _answer(self, request: dict[str, Any], stream: BinaryIO) -> dict[str, Any] | None:
        if request["do"] == "program":
            size = int(request["bytes"])
            if not 0 < size <= MOST_IMAGE_BYTES:
                raise DeviceError(f"an image of {size} bytes is refused; send a linked ELF file")
            image = stream.read(size)
            if len(image) < size:
                raise DeviceError("the image broke off; send it again")
            self._replace(image)
            return {}
        with self._lock:
            running = self._running
            if running is None:
                raise DeviceError("the emulated board is blank; flash it first")
            if request["do"] == "clear":
                running.clear_counts()
                return {}
            if request["do"] == "counts":
                counts = running.counts()
                return None if counts is None else dataclasses.asdict(counts)
            if request["do"] == "instructions":
                ticks, hz = int(request["ticks"]), int(request["counter_hz"])
                return {"instructions": running.instructions(ticks, hz)}
        raise ValueError(request["do"])


def serve(places: Iterable[Wired], host: str, announce: Callable[[str], None]) -> None:
    """Serve emulated boards until SIGINT or SIGTERM; ``announce`` gets a line for each.

    Raises DeviceError when a port is taken.
    """
    ended = threading.Event()
    with serving.ending(ended), contextlib.ExitStack() as running:
        for place in places:
            assert place.port is not None
            running.enter_context(EmulatedPlace(place.board, host, place.port))
            announce(f"{place.name}: socket://{host}:{place.port}, probe at {place.port + 1}")
        ended.wait()


class _Port:
    """A listening TCP port that hands each connection over, after it has ended the one before."""

    def __init__(self, host: str, port: int, serve: Callable[[socket.socket], None]) -> None:
        try:
            self._listener = socket.create_server((host, port))
        except OSError as error:
            raise DeviceError(
                f"port {port} of {host} cannot be served ({error.strerror}); choose another"
            ) from None
        self._serve = serve
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> _Port:
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
        self._listener.close()
        self.disconnect()

    def disconnect(self) -> None:
        """Ends the connection, if there is one."""
        client = self._client
        if client is not None:
            _shut(client)

    def _accept(self) -> None:
        before: threading.Thread | None = None
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # it was closed
            self.disconnect()
            if before is not None:
                before.join()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._client = client
            before = threading.Thread(target=self._handle, args=(client,), daemon=True)
            before.start()

    def _handle(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            self._serve(client)


def _carry(source: socket.socket, sink: socket.socket) -> None:
    """Bytes one way, until one side ends; then both end."""
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            sink.sendall(data)
    for end in (source, sink):
        _shut(end)


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
