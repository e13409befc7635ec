"""The personality of a firmware that MLPerf Tiny's runner drives, and its record in the folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen import __version__, codegen
from tinygen.errors import ConfigError, InputError
from tinygen.firmware.personality import Personality
from tinygen.mlperf_tiny import benchmarks

if TYPE_CHECKING:
    from pathlib import Path

    from tinygen.boards import Board
    from tinygen.ir import Graph, Quantization
    from tinygen.mlperf_tiny.benchmarks import Benchmark, Mode

RECORD = "mlperf-tiny.json"
_FOLDER = "mlperf_tiny"


@dataclass(frozen=True)
class Record:
    """What a folder with such a firmware says about it."""

    benchmark: Benchmark
    mode: Mode

    @property
    def baud(self) -> int:
        """Speed of the console."""
        return self.benchmark.baud_in(self.mode)


def personality(
    graph: Graph, board: Board, mode: Mode, name: benchmarks.Name | None = None
) -> Personality:
    """The personality of a network on a board.

    Raises ConfigError when the network is not for the benchmark, or the board has no pin to give
    timestamps with in energy mode.
    """
    found = benchmarks.choose(graph, name)
    if mode == "energy" and board.trigger is None:
        raise ConfigError(
            f"board {board.name} has no trigger pin, which MLPerf Tiny's energy mode needs; "
            "choose --mode performance or another board"
        )
    source = render(found, mode, graph.inputs[0].quant, graph.outputs[0].quant)
    record = json.dumps({"benchmark": found.name, "mode": mode}, indent=2) + "\n"
    return Personality(
        _FOLDER,
        baud=found.baud_in(mode),
        static_bytes=found.static_bytes,
        files={"src/benchmark.c": source, RECORD: record},
    )


def render(benchmark: Benchmark, mode: Mode, inputs: Quantization, outputs: Quantization) -> str:
    """The C file that tells the firmware its benchmark (firmware/mlperf_tiny/benchmark.h)."""
    template = codegen.environment().get_template("firmware/benchmark.c.j2")
    return template.render(
        benchmark=benchmark,
        mode=mode,
        input=inputs,
        output=outputs,
        # Hexadecimal, so that the compiler gets exactly the float32 of the model.
        input_scale=f"{inputs.scale.hex()}f",
        output_scale=f"{outputs.scale.hex()}f",
        version=__version__,
    )


def required(folder: Path) -> Record:
    """The record in a folder that must hold such firmware.

    Raises ConfigError when it holds other firmware, InputError as :func:`read` does.
    """
    record = read(folder)
    if record is None:
        raise ConfigError(
            f"the firmware in {folder} speaks tinygen's own protocol; build it with "
            "--personality mlperf-tiny"
        )
    return record


def read(folder: Path) -> Record | None:
    """The record in a folder with firmware; None where that speaks tinygen's own protocol.

    Raises InputError when the record is damaged.
    """
    path = folder / RECORD
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text("utf-8"))
        modes: dict[str, Mode] = {"performance": "performance", "energy": "energy"}
        return Record(benchmarks.benchmark(found["benchmark"]), modes[found["mode"]])
    except (OSError, ValueError, LookupError, TypeError, StopIteration) as error:
        raise InputError(f"{path} is damaged ({error!r}); build the firmware again") from None
