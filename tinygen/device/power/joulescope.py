"""Joulescope JS110 and JS220, by the package ``joulescope``.

The trigger pin is wired to IN0 (GPI 0). The board is supplied by whatever supplies it; the meter
lies in between.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen.device.power.meter import IN_FLIGHT, windows
from tinygen.errors import DeviceError, NoDeviceError, ToolchainError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinygen.device.power.meter import Trigger, Window

_BUFFER_SECONDS = 2  # samples are taken out of the buffer as they come


class Joulescope:
    """The one Joulescope that is plugged in.

    Raises ToolchainError without the package, NoDeviceError without the meter.
    """

    name = "Joulescope"

    def __init__(self, trigger: Trigger = "pin") -> None:
        self._trigger = trigger
        self._device: Any = _only_one()
        self._collector: _Collector | None = None
        with _vendor_errors("opening"):
            self._device.buffer_duration = _BUFFER_SECONDS
            self._device.open()
        try:
            with _vendor_errors("configuring"):
                self._device.parameter_set("i_range", "auto")
                self._device.parameter_set("io_voltage", "3.3V")
                self._device.parameter_set("current_lsb", "gpi0")
                self._period = 1 / self._device.output_sampling_frequency
        except DeviceError:
            self.close()
            raise
        self.name = f"Joulescope {self._device}"

    def supply(self, volts: float) -> None:
        """Does nothing: a Joulescope measures what another source supplies."""

    def start(self) -> None:
        """Begins to stream."""
        self._collector = _Collector()
        with _vendor_errors("starting"):
            self._device.stream_process_register(self._collector)
            self._device.start()

    def stop(self, seconds: float) -> tuple[Window, ...]:
        """The windows in which IN0 was high, or all there is."""
        collector, self._collector = self._collector, None
        assert collector is not None, "start comes first"
        time.sleep(IN_FLIGHT)
        with _vendor_errors("stopping"):
            self._device.stop()
            failed = not collector.driver_active
            self._device.stream_process_unregister(collector)
        watts, high = collector.samples(failed)
        return windows(watts, high if self._trigger == "pin" else None, self._period)

    def close(self) -> None:
        """Stops streaming and lets go."""
        with contextlib.suppress(Exception):
            self._device.close()


class _Collector:
    """Takes samples out of the driver's buffer; its methods run in the driver's thread.

    The driver sets ``driver_active``, and clears it when something here fails.
    """

    driver_active = False

    def __init__(self) -> None:
        self._next: int | None = None
        self._lost = False
        self._watts: list[Any] = []
        self._levels: list[Any] = []

    def stream_notify(self, stream_buffer: Any) -> bool:
        """New samples have arrived; False lets the stream go on."""
        first, end = stream_buffer.sample_id_range
        begin = first if self._next is None else self._next
        self._lost |= begin < first
        if end <= begin:
            return False
        signals = stream_buffer.samples_get(begin, end, ["power", "current_lsb"])["signals"]
        self._watts.append(np.array(signals["power"]["value"], np.float64))
        self._levels.append(np.array(signals["current_lsb"]["value"]) > 0)
        self._next = end
        return False

    def samples(self, failed: bool) -> tuple[Any, Any]:
        """Watts, and the level of IN0.

        Raises DeviceError where samples are missing, or when taking them has ``failed``.
        """
        if not self._watts:
            raise DeviceError("the Joulescope sent no samples; plug it in again")
        watts, levels = np.concatenate(self._watts), np.concatenate(self._levels)
        # The driver marks what the USB lost, and what its ranges could not hold, by NaN.
        if failed or self._lost or len(watts) != len(levels) or not np.isfinite(watts).all():
            raise DeviceError(
                "the Joulescope lost samples or was out of range; plug it into a USB port of its "
                "own, and see that the board takes no more than it measures"
            )
        return watts, levels


def _only_one() -> Any:
    try:
        import joulescope
    except ImportError:
        raise ToolchainError(
            "a Joulescope needs the package joulescope; run `pip install 'tinygen[power]'`"
        ) from None
    try:
        return joulescope.scan_require_one(config="ignore")
    except RuntimeError as error:
        raise NoDeviceError(
            f"not exactly one Joulescope is plugged in ({error}); plug one in, and see that its "
            "udev rules are installed"
        ) from error


@contextlib.contextmanager
def _vendor_errors(doing: str) -> Iterator[None]:
    """The driver raises exceptions of many kinds; they become one."""
    try:
        yield
    except Exception as error:
        raise DeviceError(
            f"{doing} the Joulescope failed ({error}); close other programs that use it, and plug "
            "it in again"
        ) from error
