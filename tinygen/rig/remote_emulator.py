"""The probe of an emulated board on an exporter, from this side: flashing it, and its counts."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tinygen.device.emulators.running import Counts
from tinygen.errors import DeviceError

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 60


class RemoteEmulator:
    """An emulated board with its console at ``url`` and its probe at ``probe``; a RunningEmulator.

    Every method raises DeviceError when the probe cannot be reached or says no.
    """

    def __init__(self, url: str, probe: str) -> None:
        self.url = url
        self._probe = probe
        address = urlsplit(probe)
        try:
            where = (address.hostname, address.port)
            self._line = socket.create_connection(where, timeout=_SECONDS)
        except OSError as error:
            raise DeviceError(
                f"the probe at {probe} cannot be reached ({error.strerror or error}); see that "
                "`tinygen rig serve` runs on the exporter"
            ) from None
        self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._line.makefile("rb")

    def program(self, elf: Path) -> None:
        """Restart the board with another image."""
        image = elf.read_bytes()
        self._ask({"do": "program", "bytes": len(image)}, image)

    def instructions(self, ticks: int, counter_hz: int) -> int:
        """Executed instructions of so many ticks of the board's counter."""
        asked = self._ask({"do": "instructions", "ticks": ticks, "counter_hz": counter_hz})
        return int(asked["instructions"])

    def counts(self) -> Counts | None:
        """What ran inside the trigger window, None where the emulator cannot tell."""
        counts = self._ask({"do": "counts"})
        return None if counts is None else Counts(**counts)

    def clear_counts(self) -> None:
        """Starts counting afresh."""
        self._ask({"do": "clear"})

    def close(self) -> None:
        """Lets go of the probe; the board runs on."""
        self._answers.close()
        self._line.close()

    def __enter__(self) -> RemoteEmulator:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _ask(self, request: dict[str, object], image: bytes = b"") -> Any:
        try:
            self._line.sendall(json.dumps(request).encode() + b"\n" + image)
            answer = json.loads(self._answers.readline())
        except (OSError, ValueError) as error:
            raise DeviceError(
                f"the probe at {self._probe} broke off ({error}); see that `tinygen rig serve` "
                "still runs on the exporter"
            ) from None
        if isinstance(answer, dict) and "error" in answer:
            raise DeviceError(f"the probe at {self._probe} says: {answer['error']}")
        return answer
