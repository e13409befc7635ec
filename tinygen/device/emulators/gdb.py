"""As much of GDB's remote serial protocol as it takes to drive a stopped core from outside.

Reference: "GDB Remote Serial Protocol", appendix E of the GDB manual.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

from tinygen.errors import DeviceError

if TYPE_CHECKING:
    from types import TracebackType

_CHUNK = 1024  # bytes of memory in one packet; QEMU takes packets of 4096 characters


class GdbClient:
    """A connection to a GDB stub on this machine.

    Raises DeviceError when the stub is gone or answers with an error.
    """

    def __init__(self, port: int, timeout: float) -> None:
        self._timeout = timeout
        self._socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        # QEMU gives single registers only to a client that has asked what registers there are.
        self._command("qXfer:features:read:target.xml:0,100")

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()

    def __enter__(self) -> GdbClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def read(self, address: int, nbytes: int) -> bytes:
        """Bytes of memory."""
        parts = []
        for at in range(address, address + nbytes, _CHUNK):
            length = min(_CHUNK, address + nbytes - at)
            parts.append(bytes.fromhex(self._command(f"m{at:x},{length:x}")))
        return b"".join(parts)

    def write(self, address: int, data: bytes) -> None:
        """Puts bytes into memory."""
        for start in range(0, len(data), _CHUNK):
            part = data[start : start + _CHUNK]
            self._command(f"M{address + start:x},{len(part):x}:{part.hex()}")

    def read_register(self, number: int) -> int:
        """A 32-bit register by GDB's number."""
        (value,) = struct.unpack("<I", bytes.fromhex(self._command(f"p{number:x}")))
        return int(value)

    def write_register(self, number: int, value: int) -> None:
        """Sets a 32-bit register by GDB's number."""
        self._command(f"P{number:x}={struct.pack('<I', value & 0xFFFF_FFFF).hex()}")

    def break_at(self, address: int) -> None:
        """Stops the core before the (Thumb) instruction at this address, from now on."""
        self._command(f"Z0,{address:x},2")

    def resume(self) -> bool:
        """Runs to a breakpoint; False when none was reached in time (the core is stopped then)."""
        try:
            self._command("c")
        except TimeoutError:
            self._socket.sendall(b"\x03")
            self._answer()
            return False
        return True

    def _command(self, text: str) -> str:
        self._socket.sendall(f"${text}#{sum(text.encode()) & 0xFF:02x}".encode())
        answer = self._answer()
        if not answer or answer.startswith("E"):
            raise DeviceError(f"the emulator refuses the debugger's request {text[:20]!r}")
        return answer

    def _answer(self) -> str:
        """The next packet's contents; what acknowledges is passed over."""
        while True:
            start = self._received.find(b"$")
            end = self._received.find(b"#", start + 1)
            if start >= 0 and 0 <= end <= len(self._received) - 3:
                packet = self._received[start + 1 : end]
                self._received = self._received[end + 3 :]
                self._socket.sendall(b"+")
                return packet.decode("latin-1")
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                raise
            except OSError:
                data = b""
            if not data:
                raise DeviceError("the emulator has ended by itself")
            self._received += data
