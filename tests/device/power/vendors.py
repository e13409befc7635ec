"""Imitations of the packages of meters: the part of their interface that is used here."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np


class Port:
    def __init__(self):
        self.closed = False

    def close(self):
        self.closed = True


class PPK2_API:
    """A kit whose stream is ``script``: pairs of a converter's value and the logic inputs."""

    script = []
    calibrated = True
    counter_step = 1

    def __init__(self, port, **kwargs):
        if port == "/dev/absent":
            raise FileNotFoundError(2, "no such port")
        self.ser = Port()
        self.did = []
        self._waiting = b""
        type(self).last = self

    def get_modifiers(self):
        return self.calibrated or None

    def use_source_meter(self):
        self.did.append("source")

    def set_source_voltage(self, mV):
        self.did.append(mV)

    def toggle_DUT_power(self, state):
        self.did.append(state)

    def start_measuring(self):
        if self.ser.closed:
            raise OSError("the port is closed")
        words = [
            adc | 3 << 14 | (index * self.counter_step & 63) << 18 | logic << 24
            for index, (adc, logic) in enumerate(self.script)
        ]
        self._waiting = np.array(words, "<u4").tobytes() + b"\x01"

    def stop_measuring(self):
        self.did.append("stop")

    def get_data(self):
        data, self._waiting = self._waiting[:1000], self._waiting[1000:]
        return data

    def get_samples(self, buf):
        words = np.frombuffer(buf, "<u4")
        return [float(word & 0x3FFF) * 100 for word in words], [int(word) >> 24 for word in words]


class StreamBuffer:
    """The samples from ``oldest`` to ``newest``."""

    def __init__(self, power, level):
        self._signals = {"power": power, "current_lsb": level}
        self.oldest = self.newest = 0

    @property
    def sample_id_range(self):
        return self.oldest, self.newest

    def samples_get(self, start, stop, fields=None):
        signals = {name: {"value": self._signals[name][start:stop], "units": ""} for name in fields}
        return {"time": {}, "signals": signals}


class Device:
    """A Joulescope whose stream is ``power`` (W) and ``level``; it arrives when it is stopped.

    ``buffered`` is how many samples its buffer holds.
    """

    power = np.zeros(0, np.float32)
    level = np.zeros(0, np.uint8)
    buffered = 1000
    fails_at = ""
    output_sampling_frequency = 1_000_000

    def __init__(self):
        self.buffer_duration = 30
        self.parameters = {}
        self.is_open = False
        self._process = None

    def __str__(self):
        return "JS220-000123"

    def open(self, event_callback_fn=None, mode=None, timeout=None):
        self._fail("open")
        self.is_open = True

    def close(self, timeout=None):
        self.is_open = False

    def parameter_set(self, name, value):
        self._fail(name)
        self.parameters[name] = value

    def stream_process_register(self, obj):
        obj.driver_active = True
        self._process = obj

    def stream_process_unregister(self, obj):
        obj.driver_active = False

    def start(self, stop_fn=None, duration=None, contiguous_duration=None):
        self._fail("start")

    def stop(self):
        buffer = StreamBuffer(self.power, self.level)
        for end in range(700, len(self.power) + 700, 700):
            buffer.newest = min(end, len(self.power))
            buffer.oldest = max(0, buffer.newest - self.buffered)
            try:
                self._process.stream_notify(buffer)
            except Exception:  # the package logs it, and leaves the process out from then on
                self._process.driver_active = False

    def _fail(self, step):
        if step == self.fails_at:
            raise TimeoutError(f"timed out: {step}")


def install_ppk2(monkeypatch, **attributes):
    """The package ppk2-api with a kit of these attributes; the kit's class."""
    kit = type("PPK2_API", (PPK2_API,), attributes)
    inner = ModuleType("ppk2_api.ppk2_api")
    inner.PPK2_API = kit
    monkeypatch.setitem(sys.modules, "ppk2_api", ModuleType("ppk2_api"))
    monkeypatch.setitem(sys.modules, "ppk2_api.ppk2_api", inner)
    return kit


def install_joulescope(monkeypatch, devices=1, **attributes):
    """The package joulescope, with so many devices of these attributes; the first of them."""
    device = type("Device", (Device,), attributes)()
    package = ModuleType("joulescope")

    def scan_require_one(name=None, config=None):
        if devices != 1:
            raise RuntimeError("no devices found" if not devices else "multiple devices found")
        return device

    package.scan_require_one = scan_require_one
    monkeypatch.setitem(sys.modules, "joulescope", package)
    return device
