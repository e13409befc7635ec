"""READ FIRST: how a model becomes a library, firmware, and a measured board.

Each function is one command's whole flow, in order; everything that happens inside a step lies in
the module that the step names. Nothing is written unless every step has succeeded. What settings
name is brought in by tinygen/named.py; tinygen/device_flows.py has the flows around built firmware:
profile, tune, flash, emulate, mlperf.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen import (
    board_cycles,
    built,
    compiler,
    deps,
    dut,
    firmware,
    named,
    output,
    trial,
    verify,
)
from tinygen.choice.search import Limits
from tinygen.device import power
from tinygen.device.power import measuring
from tinygen.early_exit import decision
from tinygen.early_exit import generate as early_exit
from tinygen.early_exit import measure as early_exits
from tinygen.mlperf_tiny import personality as mlperf
from tinygen.preprocess import generate as preprocess
from tinygen.report import budget, facts
from tinygen.report.run import with_run
from tinygen.verify import early_exit as verify_exit
from tinygen.verify import preprocess as verify_preprocess

if TYPE_CHECKING:
    from pathlib import Path

    from tinygen.board_cycles import BoardCycles
    from tinygen.boards import Board
    from tinygen.compiler import CompiledModel
    from tinygen.compress.report import CompressionReport
    from tinygen.compress.search.report import SearchReport
    from tinygen.config import Settings
    from tinygen.cores import Core
    from tinygen.ir import Graph
    from tinygen.journal import Journaling
    from tinygen.models import Model
    from tinygen.progress import Progress
    from tinygen.report.model import Report
    from tinygen.trial import Outcome


def compress_model(settings: Settings, to: Path | None, progress: Progress) -> CompressionReport:
    """Turn a trained Keras model into a smaller int8 .tflite file by the steps of a recipe."""
    to = named.required(to, "output file", "-o FILE", "a file name on the command line")
    compressed = named.compressed(settings, progress)
    output.write_bytes(to, compressed.model.data)
    return compressed.report


def search(
    settings: Settings, space: Path, trials: int, storage: str | None, progress: Progress
) -> SearchReport:
    """Try compressions of a model, or networks of the zoo, until so many have been measured."""
    # Here, not at the top: these bring in TensorFlow, which other commands do not need.
    from tinygen.compress import dataset
    from tinygen.compress.search import searching
    from tinygen.compress.search import space as spaces
    from tinygen.compress.search.trial import Site

    board = named.board(settings)
    folder = named.required(settings.build.output, "output folder", "-o DIR", "[build] output")
    chosen = spaces.load(space, settings.model.path)
    source = named.required(settings.compress.data, "data", "--data", "[compress] data")
    progress.step(f"reading {source}")
    site = Site.of(settings.model.path, dataset.load(source), board)
    return searching.run(searching.Search(chosen, site, trials, storage, folder), progress)


def compile_library(settings: Settings, progress: Progress) -> Report:
    """Turn a model into a proven C library in the output folder."""
    core = named.core(settings)
    folder = named.required(settings.build.output, "output folder", "-o DIR", "[build] output")
    output.check_replaceable(folder)
    model = named.model(settings, progress)
    compiled, report = _proven(settings, model, core, progress)
    report = budget.judged(report, settings.budget)
    with output.atomic_folder(folder) as fresh:
        compiled.write(fresh)
        built.write_report(fresh, report)
    return report


def build_firmware(settings: Settings, progress: Progress) -> Report:
    """Turn a model into proven firmware for a board, with all its sources, in the output folder."""
    board = named.board(settings)
    folder = settings.build.output or named.default_folder(board)
    output.check_replaceable(folder)
    model = named.model(settings, progress)
    compiled, report = _proven(settings, model, board.cpu, progress)
    personality = _personality(settings, compiled.graph, board)
    timing = _timing(settings, compiled, board, personality.static_bytes, progress)
    with output.atomic_folder(folder) as fresh:
        progress.step(f"building the firmware for {board.title}")
        image = firmware.build(
            compiled,
            board,
            fresh,
            bytes.fromhex(report.model.sha256),
            personality=personality,
            copies=timing.copies if timing else firmware.NONE,
        )
        report = facts.with_firmware(report, board, image, timing)
        report = budget.judged(report, settings.budget)
        built.write(fresh, model.data, report)
    return report


def measure_firmware(
    settings: Settings,
    progress: Progress,
    *,
    port: str | None,
    emulator: bool,
    journaling: Journaling,
) -> tuple[Report, Outcome]:
    """Run built firmware on a device, compare every output with the reference, and measure."""
    folder = named.built_folder(settings)
    under_test = built.read(folder, settings.build.board)
    kind = "emulator" if emulator else "board"
    graph, exit_ = under_test.model.graph, under_test.exit
    samples = named.samples(settings, graph, settings.data.limit or named.RANDOM_SAMPLES)
    with (
        journaling.open(folder, under_test, samples, kind, progress) as journal,
        power.supplying(settings.power, under_test.board, emulated=emulator) as meter,
        dut.connect(under_test, port, emulator=emulator, progress=progress) as device,
    ):
        early = energy = None
        if exit_ is None:
            figures = journal.figures or journal.record_figures(device.figures(samples.raw(0)))
        outcome = trial.run(device.session, graph, samples, progress, journal, exit_)
        outcome = outcome.saved(folder)
        if exit_ is not None:
            exits = outcome.exits or frozenset()
            figures, early = early_exits.figures(device, samples, exits)
        if meter is not None:
            raw = samples.raw(early_exits.longest(samples, outcome.exits or frozenset()))
            energy = measuring.measure(device.session, meter, raw, settings.power, progress)
    report = with_run(under_test.report, under_test.board, outcome, figures, energy, early)
    return budget.judged(report, settings.budget), outcome


def _proven(
    settings: Settings, model: Model, core: Core, progress: Progress
) -> tuple[CompiledModel, Report]:
    """What compile and build have in common: choose, plan, generate, prove."""
    cmsis_nn = deps.cmsis_nn()
    tuned = named.tuned(settings)
    exit_ = named.exit_(settings, model.graph)
    progress.step(f"compiling for {core.name}")
    compiled = compiler.compile_graph(
        model.graph if exit_ is None else decision.ordered(model.graph, exit_),
        core,
        kernels=settings.build.kernels,
        objective=settings.build.objective,
        limits=Limits(flash=settings.build.max_flash, ram=settings.build.max_ram),
        cmsis_nn=cmsis_nn is not None,
        name=settings.project.name,
        pricing=tuned,
    )
    if exit_ is not None:
        compiled = early_exit.added(compiled, exit_)
    preprocessing = preprocess.plan(settings.preprocess, compiled)
    if preprocessing is not None:
        compiled = preprocess.added(compiled, preprocessing)
    progress.step("proving the generated code")
    certificate = verify.prove(compiled, model.data, settings.build.proof)
    if certificate.without_oracle is not None:
        progress.step(f"not compared with tflite-micro: {certificate.without_oracle}")
    full = settings.build.proof == "full"
    if exit_ is not None:
        progress.step("proving the early exit")
        verify_exit.prove(compiled, exit_, target=full)
    if preprocessing is not None:
        progress.step("proving the generated preprocessing")
        verify_preprocess.prove(compiled, preprocessing, target=full)
    report = facts.library_report(compiled, model.data, certificate, cmsis_nn)
    if exit_ is not None:
        report = facts.with_exit(report, exit_, early_exit.layers(compiled, exit_))
    if tuned is not None:
        report = facts.with_measured_layers(report, tuned.layers(compiled))
    return compiled, report


def _personality(settings: Settings, graph: Graph, board: Board) -> firmware.Personality:
    """What the firmware of a graph is to speak."""
    if settings.build.personality == "tinygen":
        return firmware.TINYGEN
    return mlperf.personality(graph, board, settings.mlperf.mode, settings.mlperf.benchmark)


def _timing(
    settings: Settings, compiled: CompiledModel, board: Board, static: int, progress: Progress
) -> BoardCycles | None:
    """Cycles with the board's memories, and what had best be copied out of slow ones."""
    if board.memory_system is None:
        return None
    progress.step(f"modelling the memories of {board.title}")
    return board_cycles.measure(
        compiled,
        board,
        copy=settings.build.copy_hot and settings.build.objective == "latency",
        max_ram=settings.build.max_ram,
        more_static_bytes=static,
    )
