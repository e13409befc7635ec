"""Meters that speak the PowerShield's ASCII protocol: X-NUCLEO-LPM01A and STLINK-V3PWR.

After ST's user manual UM2269. Commands are lines; ``ack`` or ``error`` and the command come back,
behind a prompt. While it measures, the meter sends a line per sample, four digits and a power of
ten (6409-07 is 640.9e-6), with lines of text in between.

Wired to D7, the trigger pin starts an acquisition by itself (``trigsrc d7``). Its end is not seen;
what the board says that its inferences took tells how many of the samples count.
"""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING

import numpy as np

from tinygen.device.power.meter import IN_FLIGHT, Window, beginning
from tinygen.device.power.reader import Reader
from tinygen.device.transport import SerialTransport
from tinygen.errors import DeviceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tinygen.device.power.meter import Trigger

BAUD = 3_686_400
# The fastest that the meter keeps up in ASCII for any length of time.
SAMPLES_PER_SECOND = 5_000
_PERIOD = 1 / SAMPLES_PER_SECOND
_ANSWER_SECONDS = 5.0
_DETAIL_SECONDS = 0.3
_COMPLETED = b"Acquisition completed"
_PROMPT = re.compile(r"^(PowerShield\s*>\s*)+")
_SAMPLE = re.compile(r"(\d{4})([+-]\d{2})")
_LIKE_A_SAMPLE = re.compile(r"[\d+-]")


class PowerShield:
    """A meter at a serial port, under the host's control until it is closed."""

    name = "PowerShield"

    def __init__(self, port: str, trigger: Trigger = "pin") -> None:
        self._port = port
        self._trigger = trigger
        self._line = SerialTransport(port, BAUD)
        self._text = b""
        self._reader: Reader | None = None
        try:
            self._configure()
        except BaseException:
            self._line.close()
            raise

    def supply(self, volts: float) -> None:
        """Powers the board at so many volts, which the meter may refuse."""
        self._command(f"volt {round(volts * 1000)}m")
        self._command("pwr on")

    def start(self) -> None:
        """Measures from now on, or from the trigger's first edge on."""
        self._command("start")
        self._reader = Reader(lambda: self._line.read(0.02))

    def stop(self, seconds: float) -> tuple[Window, ...]:
        """The window that begins at the trigger and lasts ``seconds``, or all there is."""
        reader, self._reader = self._reader, None
        assert reader is not None, "start comes first"
        try:
            time.sleep(IN_FLIGHT)
            self._line.write(b"stop\r\n")
            completed = reader.wait_for(_COMPLETED, _ANSWER_SECONDS)
        finally:
            received = self._text + reader.end()
        self._text = b""
        if not completed:
            raise self._error(
                f"does not end its acquisition within {_ANSWER_SECONDS:g} s; reset the meter"
            )
        joules = self._joules(received)
        if self._trigger == "software":
            return (Window(len(joules) * _PERIOD, float(joules.sum())),)
        window = beginning(joules, _PERIOD, seconds)
        if window is None:
            raise self._too_short(len(joules) * _PERIOD)
        return (window,)

    def close(self) -> None:
        """Gives control back to the meter's buttons."""
        with contextlib.suppress(DeviceError):
            if self._reader is not None:
                self._line.write(b"stop\r\n")
                self._reader.end()
            self._line.write(b"hrc\r\n")
        self._line.close()

    def _configure(self) -> None:
        self._command("htc")
        version = re.search(r"\d+(\.\d+)+", self._command("version"))
        if version:
            self.name = f"PowerShield {version[0]}"
        source = "d7" if self._trigger == "pin" else "sw"
        frequency = f"freq {SAMPLES_PER_SECOND // 1000}k"
        for setting in ("output energy", "format ascii_dec", frequency, "acqtime inf"):
            self._command(setting)
        for setting in (f"trigsrc {source}", "trigdelay 0", "pwrend on"):
            self._command(setting)

    def _command(self, command: str) -> str:
        """Sends a command; what stands behind it in the acknowledgement."""
        self._line.write(f"{command}\r\n".encode())
        heard: list[str] = []
        deadline = time.monotonic() + _ANSWER_SECONDS
        while True:
            line = self._next_line(deadline)
            if line is None:
                other = f"it says {heard[0][:32]!a}" if heard else "it says nothing"
                raise self._error(
                    f"does not acknowledge {command!r} within {_ANSWER_SECONDS:g} s, {other}; see "
                    "that this is the port of the meter, and reset it"
                )
            heard.append(line)
            word, _, rest = line.partition(" ")
            if word == "ack" and rest.startswith(command.split()[0]):
                return rest.removeprefix(command).strip()
            if word.lower() in ("error", "err"):
                raise self._error(f"refuses {command!r}: {self._detail(line)}")

    def _detail(self, line: str) -> str:
        """The line of an error, and the one with its detail where that follows."""
        following = self._next_line(time.monotonic() + _DETAIL_SECONDS)
        return f"{line}, {following}" if following else line

    def _next_line(self, deadline: float) -> str | None:
        """The next line that is not empty, without its prompt; None when time is up."""
        while True:
            while b"\n" in self._text:
                raw, _, self._text = self._text.partition(b"\n")
                line = _PROMPT.sub("", raw.decode("ascii", "replace").strip()).strip()
                if line:
                    return line
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._text += self._line.read(left)

    def _joules(self, received: bytes) -> NDArray[np.float64]:
        """The samples of a stream, in joules.

        Raises DeviceError for a sample that is damaged and for an error the meter tells of.
        """
        values = []
        for raw in received.decode("ascii", "replace").splitlines():
            line = _PROMPT.sub("", raw.strip()).strip()
            sample = _SAMPLE.fullmatch(line)
            if sample:
                values.append(float(f"{sample[1]}e{sample[2]}"))
            elif "\ufffd" in line or _LIKE_A_SAMPLE.match(line):
                raise self._error(
                    f"sent {line!r}, which is no sample; use a shorter cable, and measure again"
                )
            elif "error" in line.lower() or "overcurrent" in line.lower().replace(" ", ""):
                raise self._error(
                    f"reports {line!r}; see that the board takes no more than the meter measures "
                    "(50 mA with an X-NUCLEO-LPM01A)"
                )
        return np.array(values, np.float64)

    def _too_short(self, seconds: float) -> DeviceError:
        if not seconds:
            return self._error(
                "has seen no edge at its trigger input; wire the board's trigger pin to D7, or "
                "let the host delimit windows with --trigger software"
            )
        return self._error(f"sent only {seconds:.4f} s of samples; reset the meter")

    def _error(self, what: str) -> DeviceError:
        return DeviceError(f"the PowerShield at {self._port} {what}")
