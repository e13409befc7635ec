"""Nordic's Power Profiler Kit II, by the package ``ppk2-api``, as a source meter.

The trigger pin is wired to D0, and the VCC of the logic port to the board's supply. The kit sends
100,000 samples a second, of four bytes: 14 bits of the converter, 3 of its range, a counter of
6 bits, and the 8 logic inputs.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen.device.power.meter import IN_FLIGHT, windows
from tinygen.device.power.reader import Reader
from tinygen.errors import ConfigError, DeviceError, NoDeviceError, ToolchainError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinygen.device.power.meter import Trigger, Window

SAMPLES_PER_SECOND = 100_000
_PERIOD = 1 / SAMPLES_PER_SECOND
_VOLTS = (0.8, 5.0)
_MOST_AMPERES = 1.0
_COUNTER_SHIFT, _COUNTER_STATES = 18, 64


class Ppk2:
    """The kit at a serial port.

    Raises ToolchainError without the package, NoDeviceError without the port.
    """

    name = "PPK2"

    def __init__(self, port: str, trigger: Trigger = "pin") -> None:
        self._trigger = trigger
        self._port = port
        self._volts = 0.0
        self._reader: Reader | None = None
        self._kit: Any = _open(port)
        with self._vendor_errors("configuring"):
            calibrated = self._kit.get_modifiers()
            self._kit.use_source_meter()
        if not calibrated:
            self.close()
            raise DeviceError(
                f"what is at {port} does not tell a PPK2's calibration; see that this is the port "
                "of the kit, and plug it in again"
            )

    def supply(self, volts: float) -> None:
        """Powers the board. Raises ConfigError for a voltage that the kit cannot give."""
        low, high = _VOLTS
        if not low <= volts <= high:
            raise ConfigError(f"a PPK2 supplies {low} to {high} V, not {volts:g}; change --volts")
        self._volts = volts
        with self._vendor_errors("supplying from"):
            self._kit.set_source_voltage(round(volts * 1000))
            self._kit.toggle_DUT_power("ON")

    def start(self) -> None:
        """Begins to stream; what is left of an earlier stream is dropped."""
        with self._vendor_errors("starting"):
            while self._kit.get_data():
                pass
            self._kit.start_measuring()
        self._reader = Reader(self._kit.get_data)

    def stop(self, seconds: float) -> tuple[Window, ...]:
        """The windows in which D0 was high, or all there is."""
        reader, self._reader = self._reader, None
        assert reader is not None, "start comes first"
        with self._vendor_errors("stopping"):
            time.sleep(IN_FLIGHT)
            self._kit.stop_measuring()
            time.sleep(IN_FLIGHT)  # nothing of this stream may be taken for one of the next
            received = reader.end()
        watts, high = self._samples(received)
        return windows(watts, high if self._trigger == "pin" else None, _PERIOD)

    def close(self) -> None:
        """Stops streaming and lets go of the port."""
        with contextlib.suppress(Exception):
            self._kit.stop_measuring()
            if self._reader is not None:
                self._reader.end()
            self._kit.ser.close()

    def _samples(self, received: bytes) -> tuple[Any, Any]:
        """Watts, and the level of D0. Raises DeviceError where samples are missing or no good."""
        whole = received[: len(received) // 4 * 4]  # the last one may have been cut off
        if not whole:
            raise DeviceError(f"the PPK2 at {self._port} sent no samples; plug it in again")
        counter = np.frombuffer(whole, "<u4") >> np.uint32(_COUNTER_SHIFT)
        # In 32-bit arithmetic without sign, 0 after 63 is one more as well.
        if (np.diff(counter) & np.uint32(_COUNTER_STATES - 1) != 1).any():
            raise DeviceError(
                f"the PPK2 at {self._port} lost samples; plug it into a USB port of its own, and "
                "measure on a machine that has less to do"
            )
        microamperes, logic = self._kit.get_samples(whole)
        amperes = np.array(microamperes, np.float64) / 1e6
        if len(amperes) * 4 != len(whole) or (amperes > _MOST_AMPERES).any():
            raise DeviceError(
                f"the PPK2 at {self._port} was out of its range; it measures up to "
                f"{_MOST_AMPERES:g} A"
            )
        return amperes * self._volts, np.array(logic) & 1 == 1

    @contextlib.contextmanager
    def _vendor_errors(self, doing: str) -> Iterator[None]:
        """The package raises exceptions of many kinds; they become one."""
        try:
            yield
        except Exception as error:
            raise DeviceError(
                f"{doing} the PPK2 at {self._port} failed ({error}); plug it in again"
            ) from error


def _open(port: str) -> Any:
    try:
        from ppk2_api.ppk2_api import PPK2_API
    except ImportError:
        raise ToolchainError(
            "a PPK2 needs the package ppk2-api; run `pip install 'tinygen[power]'`"
        ) from None
    try:
        return PPK2_API(port, timeout=1, write_timeout=1)
    except OSError as error:
        raise NoDeviceError(
            f"the PPK2's port {port} cannot be opened ({error}); name the right one"
        ) from error
