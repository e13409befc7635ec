"""The flows of commands that take built firmware, or a board, and need no report of a build.

As in tinygen/pipeline.py, each function is a command's whole flow, in order.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tinygen import built, deps, dut, firmware, named, output
from tinygen.device import flash
from tinygen.device.emulators import serving
from tinygen.mlperf_tiny import personality as mlperf
from tinygen.mlperf_tiny import prepare, runner
from tinygen.report.profile import profile
from tinygen.tuning.run import tune
from tinygen.tuning.site import Device, Site

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygen.config import Settings
    from tinygen.mlperf_tiny.prepare import Prepared
    from tinygen.progress import Progress
    from tinygen.report.profile import Profile
    from tinygen.tuning.comparison import Comparison


def profile_firmware(
    settings: Settings, progress: Progress, *, port: str | None, emulator: bool, repeat: int
) -> Profile:
    """Run built firmware layer by layer, ``repeat`` times, on one sample after another."""
    under_test = built.read(named.built_folder(settings), settings.build.board)
    samples = named.samples(settings, under_test.model.graph, repeat)
    with dut.connect(under_test, port, emulator=emulator, progress=progress) as device:
        inferences = [
            device.profile(samples.raw(index % len(samples)))
            for index in progress.track(range(repeat), repeat, "profiling")
        ]
        return profile(under_test.report, device.kind, device.unit, inferences)


def tune_kernels(
    settings: Settings,
    to: Path | None,
    progress: Progress,
    *,
    port: str | None,
    probe: str | None,
    emulator: bool,
    repeat: int,
) -> Comparison:
    """Measure every kernel of every layer on a device, and write the table that builds take."""
    board = named.board(settings)
    to = named.required(to or settings.build.tuned, "table", "-o TABLE", "[build] tuned")
    site = Site(
        model=named.model(settings, progress),
        device=Device(board, emulator, port, probe),
        kernels=settings.build.kernels,
        objective="flash" if settings.build.objective == "flash" else "latency",
        repeat=repeat,
        cmsis_nn=deps.cmsis_nn() is not None,
    )
    table, comparison = tune(site, settings.build.max_flash, progress)
    output.write_text(str(to), table.json_text())
    return comparison


def flash_firmware(
    settings: Settings, progress: Progress, *, tool: str | None, probe: str | None
) -> None:
    """Put built firmware onto a plugged-in board."""
    folder = named.built_folder(settings)
    built_firmware = built.read(folder, settings.build.board)
    progress.step(f"flashing {built_firmware.board.title}")
    firmware.upload(folder, protocol=tool or flash.choose(built_firmware.board), port=probe)


def emulate_firmware(
    settings: Settings,
    progress: Progress,
    announce: Callable[[str], None],
    *,
    link: Path | None,
    tcp: bool,
) -> None:
    """Run built firmware on an emulated board that other programs talk to, until it is ended."""
    under_test = built.read(named.built_folder(settings), settings.build.board)
    progress.step(f"starting an emulated {under_test.board.title}")
    serving.serve(under_test, announce, link=link, tcp=tcp)


def prepare_mlperf(
    settings: Settings,
    progress: Progress,
    target: Path | None,
    *,
    port: str | None,
    emulator: bool,
    seconds: float,
) -> Prepared:
    """Measure built firmware of the personality mlperf-tiny, and write what its runner needs."""
    folder = named.built_folder(settings)
    under_test = built.read(folder, settings.build.board)
    record = mlperf.required(folder)
    target = target or Path("mlperf") / under_test.board.name
    output.check_replaceable(target)
    samples = None
    if settings.data.path is not None:
        samples = named.samples(settings, under_test.model.graph, named.RANDOM_SAMPLES)
    took = prepare.measured(under_test, record, progress, port, emulator=emulator)
    tests = runner.plan(under_test.board, record, took, seconds, emulated=emulator)
    return prepare.write(tests, folder, target, under_test, samples)
