"""READ FIRST: how a model becomes a library, firmware, and a measured board.

Each function is one command's whole flow, in order; everything that happens inside a step lies in
the module that the step names. Nothing is written unless every step has succeeded.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tinygen import (
    board_cycles,
    boards,
    built,
    compiler,
    cores,
    data,
    deps,
    dut,
    firmware,
    models,
    output,
    trial,
    verify,
)
from tinygen.choice.search import Limits
from tinygen.device import flash, power
from tinygen.device.emulators import serving
from tinygen.device.power import measuring
from tinygen.early_exit import decision
from tinygen.early_exit import generate as early_exit
from tinygen.early_exit import measure as early_exits
from tinygen.errors import ConfigError
from tinygen.mlperf_tiny import personality as mlperf
from tinygen.mlperf_tiny import prepare, runner
from tinygen.preprocess import generate as preprocess
from tinygen.report import budget, facts
from tinygen.report.profile import profile
from tinygen.report.run import with_run
from tinygen.tuning.pricing import Tuned
from tinygen.tuning.run import tune
from tinygen.tuning.site import Device, Site
from tinygen.tuning.table import Conditions
from tinygen.tuning.table import read as read_table
from tinygen.verify import early_exit as verify_exit
from tinygen.verify import preprocess as verify_preprocess

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygen.board_cycles import BoardCycles
    from tinygen.boards import Board
    from tinygen.compiler import CompiledModel
    from tinygen.compress.report import CompressionReport
    from tinygen.compress.run import Compressed
    from tinygen.compress.search.report import SearchReport
    from tinygen.config import Settings
    from tinygen.cores import Core
    from tinygen.data import Samples
    from tinygen.early_exit.decision import Exit
    from tinygen.ir import Graph
    from tinygen.journal import Journaling
    from tinygen.mlperf_tiny.prepare import Prepared
    from tinygen.models import Model
    from tinygen.progress import Progress
    from tinygen.report.model import Report
    from tinygen.report.profile import Profile
    from tinygen.trial import Outcome
    from tinygen.tuning.comparison import Comparison

T = TypeVar("T")

RANDOM_SAMPLES = 20


def compress_model(settings: Settings, to: Path | None, progress: Progress) -> CompressionReport:
    """Turn a trained Keras model into a smaller int8 .tflite file by the steps of a recipe."""
    to = _required(to, "output file", "-o FILE", "a file name on the command line")
    compressed = _compressed(settings, progress)
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

    board = _board(settings)
    folder = _required(settings.build.output, "output folder", "-o DIR", "[build] output")
    chosen = spaces.load(space, settings.model.path)
    source = _required(settings.compress.data, "data", "--data", "[compress] data")
    progress.step(f"reading {source}")
    site = Site.of(settings.model.path, dataset.load(source), board)
    return searching.run(searching.Search(chosen, site, trials, storage, folder), progress)


def compile_library(settings: Settings, progress: Progress) -> Report:
    """Turn a model into a proven C library in the output folder."""
    core = _core(settings)
    folder = _required(settings.build.output, "output folder", "-o DIR", "[build] output")
    output.check_replaceable(folder)
    model = _model(settings, progress)
    compiled, report = _proven(settings, model, core, progress)
    report = budget.judged(report, settings.budget)
    with output.atomic_folder(folder) as fresh:
        compiled.write(fresh)
        built.write_report(fresh, report)
    return report


def build_firmware(settings: Settings, progress: Progress) -> Report:
    """Turn a model into proven firmware for a board, with all its sources, in the output folder."""
    board = _board(settings)
    folder = settings.build.output or default_folder(board)
    output.check_replaceable(folder)
    model = _model(settings, progress)
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
    folder = _built_folder(settings)
    under_test = built.read(folder, settings.build.board)
    kind = "emulator" if emulator else "board"
    graph, exit_ = under_test.model.graph, under_test.exit
    samples = _samples(settings, graph, settings.data.limit or RANDOM_SAMPLES)
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


def profile_firmware(
    settings: Settings, progress: Progress, *, port: str | None, emulator: bool, repeat: int
) -> Profile:
    """Run built firmware layer by layer, ``repeat`` times, on one sample after another."""
    under_test = built.read(_built_folder(settings), settings.build.board)
    samples = _samples(settings, under_test.model.graph, repeat)
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
    board = _board(settings)
    to = _required(to or settings.build.tuned, "table", "-o TABLE", "[build] tuned")
    site = Site(
        model=_model(settings, progress),
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
    folder = _built_folder(settings)
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
    under_test = built.read(_built_folder(settings), settings.build.board)
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
    folder = _built_folder(settings)
    under_test = built.read(folder, settings.build.board)
    record = mlperf.required(folder)
    target = target or Path("mlperf") / under_test.board.name
    output.check_replaceable(target)
    samples = None
    if settings.data.path is not None:
        samples = _samples(settings, under_test.model.graph, RANDOM_SAMPLES)
    took = prepare.measured(under_test, record, progress, port, emulator=emulator)
    tests = runner.plan(under_test.board, record, took, seconds, emulated=emulator)
    return prepare.write(tests, folder, target, under_test, samples)


def default_folder(board: Board) -> Path:
    """Where the firmware for a board is built when no folder is named."""
    return Path("build") / board.name


def _built_folder(settings: Settings) -> Path:
    return settings.build.output or default_folder(_board(settings))


def _samples(settings: Settings, graph: Graph, random: int) -> Samples:
    """The samples that the settings name, or so many random ones."""
    if settings.data.path is not None:
        return data.load(settings.data.path, graph.inputs, settings.data.limit)
    return data.random(graph.inputs, random)


def _model(settings: Settings, progress: Progress) -> Model:
    path = _required(settings.model.path, "model", "MODEL", "[model] path")
    if settings.compress.recipe is not None and path.suffix.lower() in models.KERAS:
        return _compressed(settings, progress).model
    progress.step(f"reading {path}")
    return models.load(path, settings.model.calibration)


def _compressed(settings: Settings, progress: Progress) -> Compressed:
    """The model after its recipe; what an earlier run has done of it is not done again."""
    # Here, not at the top: these bring in TensorFlow, which a .tflite file does not need.
    from tinygen.compress import dataset, recipe, run

    path = _required(settings.model.path, "model", "MODEL", "[model] path")
    board = _board(settings)
    steps = recipe.load(
        _required(settings.compress.recipe, "recipe", "--recipe", "[compress] recipe")
    )
    source = _required(settings.compress.data, "data", "--data", "[compress] data")
    folder = settings.compress.work or Path("build") / "compress" / path.stem
    progress.step(f"reading {source}")
    return run.run(path, steps, dataset.load(source), board, folder, progress)


def _proven(
    settings: Settings, model: Model, core: Core, progress: Progress
) -> tuple[CompiledModel, Report]:
    """What compile and build have in common: choose, plan, generate, prove."""
    cmsis_nn = deps.cmsis_nn()
    tuned = _tuned(settings)
    exit_ = _exit(settings, model.graph)
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


def _tuned(settings: Settings) -> Tuned | None:
    """The measurements to choose kernels by, if there are any, made as this build is."""
    path = settings.build.tuned
    if path is None:
        return None
    board = _board(settings)
    table = read_table(path)
    table.check(Conditions.of(board, settings.build.objective), path)
    return Tuned(table, board.cpu)


def _exit(settings: Settings, graph: Graph) -> Exit | None:
    """Where inferences of a graph may stop early, as the settings say."""
    output, threshold = settings.exit.output, settings.exit.threshold
    if output is None and threshold is None:
        return None
    output = _required(output, "exit", "--exit OUTPUT", "[exit] output")
    threshold = _required(threshold, "threshold", "--exit-threshold P", "[exit] threshold")
    return decision.make(graph, output, threshold)


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


def _board(settings: Settings) -> Board:
    return boards.load_board(_required(settings.build.board, "board", "--board", "[build] board"))


def _core(settings: Settings) -> Core:
    """The core to generate for: the board's, or the one that is named."""
    if settings.build.board is not None:
        return _board(settings).cpu
    name = _required(settings.build.core, "target", "--board or --core", "[build] board or core")
    return cores.core(name)


def _required(value: T | None, what: str, option: str, key: str) -> T:
    """A setting that a command cannot do without.

    Raises ConfigError that says where it can be given.
    """
    if value is None:
        raise ConfigError(f"no {what} is given; name one with {option}, or {key} in tinygen.toml")
    return value
