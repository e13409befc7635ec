"""From built firmware to a folder with all that the official runner needs."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen import output
from tinygen.device import emulators
from tinygen.device.transport import SerialTransport, find_port
from tinygen.errors import ConfigError
from tinygen.mlperf_tiny import runner
from tinygen.mlperf_tiny.client import Client
from tinygen.mlperf_tiny.measure import latency

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tinygen.built import Built
    from tinygen.data import Samples
    from tinygen.mlperf_tiny.personality import Record
    from tinygen.mlperf_tiny.runner import Plan
    from tinygen.progress import Progress


@dataclass(frozen=True)
class Prepared:
    """What was prepared, for which firmware, and where.

    ``port`` is where an emulated board is to be linked to; None for a real one.
    """

    plan: Plan
    firmware: Path
    folder: Path
    port: Path | None
    has_data: bool


def measured(
    firmware: Built, record: Record, progress: Progress, port: str | None, *, emulator: bool
) -> float:
    """Seconds of one inference, on a board or on an emulated one.

    Raises ConfigError for energy mode on an emulator, which has no energy to meter; else what the
    connection and the conversation do.
    """
    if emulator and record.mode == "energy":
        raise ConfigError(
            "energy is metered on a board; name its --port, or build with --mode performance"
        )
    with (
        _console(firmware, progress, port, emulator=emulator) as url,
        contextlib.closing(SerialTransport(url, record.baud)) as line,
    ):
        progress.step("measuring the latency")
        return latency(Client(line), record.benchmark)


@contextlib.contextmanager
def _console(
    firmware: Built, progress: Progress, port: str | None, *, emulator: bool
) -> Iterator[str]:
    board = firmware.board
    if emulator:
        progress.step(f"starting an emulated {board.title}")
        with emulators.start(board, firmware.elf) as running:
            yield running.url
    else:
        yield port if port is not None else find_port(board.name, board.usb_ids)


def write(
    tests: Plan, source: Path, target: Path, firmware: Built, samples: Samples | None
) -> Prepared:
    """Writes the runner's files for firmware in ``source`` into the folder ``target``.

    Raises ConfigError when the folder holds somebody else's files, DataError when the samples have
    no classes.
    """
    folder = target.absolute()
    port = folder.with_name(folder.name + ".port") if tests.emulated else None
    benchmark = tests.record.benchmark
    files = {name: text.encode() for name, text in runner.render(tests, port).items()}
    if samples is not None:
        inside = f"datasets/{benchmark.model_id}"
        data = runner.data_set(benchmark, firmware.model.graph, samples)
        files |= {f"{inside}/{name}": content for name, content in data.items()}
    with output.atomic_folder(folder) as fresh:
        for name, content in files.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return Prepared(tests, source.absolute(), folder, port, samples is not None)
