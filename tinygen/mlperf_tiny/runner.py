"""What the official runner of MLPerf Tiny is told: its device file, its test scripts, its data.

The runner (github.com/mlcommons/tiny, benchmark/runner) finds devices by their USB ids, runs the
script of the model that the device names, and takes samples from a folder of that name.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen import __version__, codegen
from tinygen.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pathlib import Path

    from tinygen.boards import Board
    from tinygen.data import Samples
    from tinygen.ir import Graph
    from tinygen.mlperf_tiny.benchmarks import Benchmark
    from tinygen.mlperf_tiny.personality import Record

WINDOWS = 5
SHORTEST, LONGEST = 10.0, 30.0  # seconds of a window that counts, by the rules
WARMUPS = 10
MODES = {"accuracy": "a", "performance": "p", "energy": "e"}
# Of an emulated board without USB ids: pid.codes gives these to tests.
_TEST_ID = "1209:0001"
_AD_STRIDE = 512  # bytes: one slice of a spectrogram


@dataclass(frozen=True)
class Plan:
    """The tests for a device.

    ``latency`` is of one inference, in seconds of the device's clock; ``emulated`` says that this
    is an emulator's, which counts instructions.
    """

    board: Board
    record: Record
    latency: float
    inferences: int
    emulated: bool

    @property
    def window(self) -> float:
        """Seconds of a timed window."""
        return self.inferences * self.latency

    @property
    def counts(self) -> bool:
        """Whether a window of this length is valid by the rules."""
        return SHORTEST < self.window < LONGEST


def plan(board: Board, record: Record, latency: float, seconds: float, *, emulated: bool) -> Plan:
    """Tests whose windows take at least so many seconds.

    Raises ConfigError when one inference alone takes longer than a window may.
    """
    if latency >= LONGEST:
        raise ConfigError(
            f"an inference takes {latency:.1f} s on {board.name}, but a window may take at most "
            f"{LONGEST:g} s; take a faster board"
        )
    return Plan(board, record, latency, max(1, math.ceil(seconds / latency)), emulated)


def render(tests: Plan, port: Path | None) -> dict[str, str]:
    """The runner's files by name; with a ``port``, also what makes pyserial list that."""
    usb = tests.board.usb_ids or ((_TEST_ID,) if port else ())
    by_vendor = {
        vendor: [f"0x{usb_id.split(':')[1]}" for usb_id in ids]
        for vendor, ids in itertools.groupby(sorted(usb), lambda usb_id: f"0x{usb_id[:4]}")
    }
    context = {"plan": tests, "usb": by_vendor, "version": __version__, "windows": WINDOWS}
    files = {"devices.yaml": _render("devices.yaml.j2", **context)}
    for mode in MODES:
        files[f"tests_{mode}.yaml"] = _render(
            "tests.yaml.j2", mode=mode, warmups=WARMUPS, **context
        )
    if port is not None:
        vendor, product = (int(part, 16) for part in usb[0].split(":"))
        files["ports/sitecustomize.py"] = _render(
            "sitecustomize.py.j2", port=str(port), vendor=vendor, product=product, **context
        )
    return files


def _render(template: str, **context: object) -> str:
    return codegen.environment().get_template(f"mlperf_tiny/{template}").render(context)


def data_set(benchmark: Benchmark, graph: Graph, samples: Samples) -> dict[str, bytes]:
    """Samples as the runner reads them: one file each, and ``y_labels.csv``.

    Raises DataError when the samples have no classes.
    """
    if samples.labels is None:
        raise DataError("the samples have no classes; save these under y")
    classes = 2 if benchmark.floats else benchmark.outputs
    suffix = f",{benchmark.loaded_bytes},{_AD_STRIDE}" if benchmark.floats else ""
    files, rows = {}, []
    for index, label in enumerate(samples.labels):
        name = f"sample_{index:05}.bin"
        files[name] = as_sent(benchmark, graph, samples.raw(index)[0])
        rows.append(f"{name},{classes},{label}{suffix}\n")
    return files | {"y_labels.csv": "".join(rows).encode()}


def as_sent(benchmark: Benchmark, graph: Graph, stored: bytes) -> bytes:
    """The int8 input of a model as the benchmark's host sends it."""
    values = np.frombuffer(stored, np.int8)
    if benchmark.floats:
        quant = graph.inputs[0].quant
        real = (values.astype(np.float32) - np.float32(quant.zero_point)) * np.float32(quant.scale)
        return real.astype("<f4").tobytes()
    return (values.view(np.uint8) ^ np.uint8(benchmark.flip)).tobytes()
