"""How long an inference takes, by the protocol of MLPerf Tiny."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.errors import DeviceError

if TYPE_CHECKING:
    from tinygen.mlperf_tiny.benchmarks import Benchmark
    from tinygen.mlperf_tiny.client import Client

# Of this length, timestamps in whole microseconds are exact to a hundred-thousandth; the host's
# clock, which measures in energy mode, to about a hundredth.
_ENOUGH_SECONDS = 0.2
_MOST = 1_000_000


def latency(device: Client, benchmark: Benchmark) -> float:
    """Seconds of one inference on an input of zeros.

    Raises DeviceError when the device runs another benchmark, or its clock stands still.
    """
    model = device.model()
    if model != benchmark.model_id:
        raise DeviceError(
            f"the device runs {model}, but this folder holds firmware for {benchmark.model_id}; "
            "flash it, or name its own folder"
        )
    device.load(bytes(benchmark.loaded_bytes))
    count = 1
    while True:
        seconds = device.infer(count, warmups=1).seconds
        if seconds >= _ENOUGH_SECONDS:
            return seconds / count
        if count >= _MOST:
            raise DeviceError(
                f"{count:,} inferences took {seconds:g} s by the device's clock, which stands still"
            )
        count = min(
            _MOST, count * 2 if seconds <= 0 else int(count * _ENOUGH_SECONDS / seconds) + 1
        )
