"""Instruments made of software behind a pseudo-terminal, and what they hear of the trigger pin."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import struct
import threading
import time
import tty
from typing import TYPE_CHECKING, Self

from tinygen.device.emulators.unicorn_board import UnicornBoard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tinygen.boards import Board

ACTIVE_WATTS = 0.0825
IDLE_WATTS = 0.0033


class Instrument:
    """A pseudo-terminal served by a thread. ``port`` is its name.

    ``trigger`` is a file descriptor that gives a line per edge: level, and clock ticks so far.
    ``pulses`` has how long it was high, in seconds, one by one.
    """

    def __init__(self, trigger: int | None = None, hz: float = 1.0) -> None:
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        self.port = os.ttyname(self._theirs)
        self._trigger, self._hz = trigger, hz
        self._edges = ""
        self._rose: int | None = None
        self.pulses: list[float] = []
        self._ended = False
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._thread.join()
        os.close(self._ours)
        os.close(self._theirs)

    def pulse(self, seconds: float) -> None:
        """The trigger pin was high for so long."""
        raise NotImplementedError

    def receive(self, data: bytes) -> None:
        """Bytes from the host."""
        raise NotImplementedError

    def idle(self) -> None:
        """Called every few milliseconds."""

    def send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            while data and not self._ended:
                _, ready, _ = select.select([], [self._ours], [], 0.05)
                if ready:
                    data = data[os.write(self._ours, data[:1024]) :]

    def _serve(self) -> None:
        sources = [self._ours] + ([] if self._trigger is None else [self._trigger])
        while not self._ended:
            ready, _, _ = select.select(sources, [], [], 0.005)
            # What the pin did comes before what the host says of it.
            if self._trigger in ready:
                data = os.read(self._trigger, 4096)
                if not data:
                    sources.remove(self._trigger)
                self._listen(data.decode())
            if self._ours in ready:
                self.receive(os.read(self._ours, 4096))
            self.idle()

    def _listen(self, text: str) -> None:
        *lines, self._edges = (self._edges + text).split("\n")
        for line in lines:
            level, ticks = map(int, line.split())
            if level:
                self._rose = ticks
            elif self._rose is not None:
                self.pulses.append((ticks - self._rose) / self._hz)
                self.pulse(self.pulses[-1])


class PowerShieldInstrument(Instrument):
    """Speaks the ASCII protocol of UM2269, as far as a host needs it.

    ``fault`` is what is wrong with it, ``refuses`` a command that it refuses. ``said`` has every
    command it was given.
    """

    FREQUENCIES = {"1k": 1000, "5k": 5000}

    def __init__(self, fault: str = "", refuses: str = "", **trigger: object) -> None:
        super().__init__(**trigger)
        self.said: list[str] = []
        self._fault, self._refuses = fault, refuses
        self._text = ""
        self._frequency = 100
        self._source = "sw"
        self._begun: float | None = None  # when an acquisition by software began
        self._sent = 0
        self._armed = False

    def receive(self, data: bytes) -> None:
        *lines, self._text = (self._text + data.decode()).replace("\r", "").split("\n")
        for command in filter(None, lines):
            self.said.append(command)
            self._execute(command)

    def idle(self) -> None:
        if self._begun is not None:
            due = int((time.monotonic() - self._begun) * self._frequency)
            self._samples(due - self._sent, ACTIVE_WATTS)
            self._sent = due

    def pulse(self, seconds: float) -> None:
        if not self._armed:
            return
        self._line("event 00 ris")
        inside, part = divmod(seconds * self._frequency, 1)
        if self._fault == "few":
            inside = inside // 2
        self._samples(int(inside), ACTIVE_WATTS)
        self._line("TimeStamp: 000s 100ms, buff 00%")
        if self._fault != "few":
            self._samples(1, part * ACTIVE_WATTS + (1 - part) * IDLE_WATTS)
            self._samples(50, IDLE_WATTS)

    def _execute(self, command: str) -> None:
        if self._fault == "silent":
            return
        if self._fault == "babble":
            self.send(b"login: \xff\xfe\x00 nonsense\r\n" * 3)
            return
        word, *arguments = command.split()
        if word == self._refuses:
            self._line(f"PowerShield > error {command}")
            self._line("Error detail: argument out of range")
            return
        if word == "freq":
            self._frequency = self.FREQUENCIES[arguments[0]]
        elif word == "trigsrc":
            self._source = arguments[0]
        elif word == "start":
            self._armed = self._source == "d7"
        if word == "stop":
            self._stop()
            return
        answer = " 1.0.6" if word == "version" else ""
        self.send(f"\r\nPowerShield > ack {command}{answer}\r\n\r\n".encode())
        if word == "start" and self._source == "sw":
            self._begun, self._sent = time.monotonic(), 0

    def _stop(self) -> None:
        self.idle()
        self._begun, self._armed = None, False
        for line in {
            "damaged": ["640"],
            "joined": ["16506409-07"],
            "overcurrent": ["error overcurrent"],
        }.get(self._fault, []):
            self._line(line)
        if self._fault == "garbage":
            self.send(b"\xff\x8116\xfe0-08\r\n")
        if self._fault == "endless":
            return
        for line in ("summary beg", "Current min: 1000-05", "summary end", "end"):
            self._line(line)
        self._line("PowerShield > Acquisition completed")

    def _samples(self, count: int, watts: float) -> None:
        text = decimal(watts / self._frequency)
        self.send(f"{text}\r\n".encode() * count)

    def _line(self, text: str) -> None:
        self.send(f"{text}\r\n".encode())


def decimal(value: float) -> str:
    """Four digits and a power of ten, as the meter writes them."""
    mantissa, exponent = f"{value:.3e}".split("e")
    return f"{mantissa.replace('.', '')}{int(exponent) - 3:+03d}"


class Ppk2Instrument(Instrument):
    """Speaks the PPK2's protocol: commands are single bytes with arguments."""

    ADC_ACTIVE, ADC_IDLE, RANGE = 500, 20, 3
    METADATA = "Calibrated: 1\nR3: 0.94\nGS3: 0\nGI3: 1\nO3: 0\nVDD: 3000\nHW: 9173\nIA: 59\nEND\n"
    ARGUMENTS = {0x0D: 2, 0x0C: 1, 0x11: 1}

    def __init__(self, fault: str = "", **trigger: object) -> None:
        super().__init__(**trigger)
        self._fault = fault
        self._counter = 0
        self._streaming = False
        self._text = b""
        self.millivolts: int | None = None
        self.powered = False

    @classmethod
    def amperes(cls, adc: int) -> float:
        """What the calibration above makes of a value of the converter."""
        return adc * 4 * (1.8 / 163840) / 0.94

    def receive(self, data: bytes) -> None:
        self._text += data
        while self._text:
            code = self._text[0]
            length = 1 + self.ARGUMENTS.get(code, 0)
            if len(self._text) < length:
                return
            arguments, self._text = self._text[1:length], self._text[length:]
            self._execute(code, arguments)

    def pulse(self, seconds: float) -> None:
        if self._streaming:
            self._stream(20, self.ADC_IDLE, logic=0)
            self._stream(round(seconds * 100_000), self.ADC_ACTIVE, logic=1)
            self._stream(20, self.ADC_IDLE, logic=0)

    def _execute(self, code: int, arguments: bytes) -> None:
        if code == 0x19:
            self.send(b"\xff\xfe" if self._fault == "dumb" else self.METADATA.encode())
        elif code == 0x0D:
            self.millivolts = (arguments[0] - 3) * 256 + arguments[1] - 32 + 800
        elif code == 0x0C:
            self.powered = arguments == b"\x01"
        elif code == 0x06:
            self._streaming = True
        elif code == 0x07:
            if self._streaming and self._fault == "cut":
                self.send(b"\x01\x02")  # half a sample
            self._streaming = False

    def _stream(self, count: int, adc: int, logic: int) -> None:
        data = bytearray()
        for index in range(count):
            if self._fault == "gap" and index == 10:
                self._counter += 3
            # The converter at its end, in its least sensitive range, is more than an ampere.
            value, sense = (0x3FFF, 4) if self._fault == "overrange" else (adc, self.RANGE)
            word = value | sense << 14 | (self._counter & 63) << 18 | logic << 24
            self._counter += 1
            data += struct.pack("<I", word)
        self.send(bytes(data))


def is_sample(text: str) -> bool:
    """Whether a text has the form of a sample."""
    return re.fullmatch(r"\d{4}[+-]\d{2}", text) is not None


@contextlib.contextmanager
def wired(board: Board, elf: Path, folder: Path) -> Iterator[tuple[UnicornBoard, Instrument]]:
    """An emulated board, and an instrument that its trigger pin is wired to."""
    pipe = folder / "trigger"
    os.mkfifo(pipe)
    listening = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with UnicornBoard(board, elf) as emulator:
            emulator.watch_trigger(pipe)
            with PowerShieldInstrument(trigger=listening, hz=board.clock.hz) as instrument:
                yield emulator, instrument
    finally:
        os.close(listening)
