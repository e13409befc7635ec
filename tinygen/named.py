"""What settings name, brought in: the model, the board, samples, tables.

Raises ConfigError, which says where a thing can be named, for each that is needed and is not.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tinygen import boards, cores, data, models
from tinygen.early_exit import decision
from tinygen.errors import ConfigError
from tinygen.tuning.pricing import Tuned
from tinygen.tuning.table import Conditions
from tinygen.tuning.table import read as read_table

if TYPE_CHECKING:
    from tinygen.boards import Board
    from tinygen.compress.run import Compressed
    from tinygen.config import Settings
    from tinygen.cores import Core
    from tinygen.data import Samples
    from tinygen.early_exit.decision import Exit
    from tinygen.ir import Graph
    from tinygen.models import Model
    from tinygen.progress import Progress

T = TypeVar("T")

RANDOM_SAMPLES = 20


def default_folder(board: Board) -> Path:
    """Where the firmware for a board is built when no folder is named."""
    return Path("build") / board.name


def built_folder(settings: Settings) -> Path:
    """Where built firmware lies."""
    return settings.build.output or default_folder(board(settings))


def samples(settings: Settings, graph: Graph, random: int) -> Samples:
    """The samples that the settings name, or so many random ones."""
    if settings.data.path is not None:
        return data.load(settings.data.path, graph.inputs, settings.data.limit)
    return data.random(graph.inputs, random)


def model(settings: Settings, progress: Progress) -> Model:
    """The model file, after its recipe if the settings have one."""
    path = required(settings.model.path, "model", "MODEL", "[model] path")
    if settings.compress.recipe is not None and path.suffix.lower() in models.KERAS:
        return compressed(settings, progress).model
    progress.step(f"reading {path}")
    return models.load(path, settings.model.calibration)


def compressed(settings: Settings, progress: Progress) -> Compressed:
    """The model after its recipe; what an earlier run has done of it is not done again."""
    # Here, not at the top: these bring in TensorFlow, which a .tflite file does not need.
    from tinygen.compress import dataset, recipe, run

    path = required(settings.model.path, "model", "MODEL", "[model] path")
    target = board(settings)
    steps = recipe.load(
        required(settings.compress.recipe, "recipe", "--recipe", "[compress] recipe")
    )
    source = required(settings.compress.data, "data", "--data", "[compress] data")
    folder = settings.compress.work or Path("build") / "compress" / path.stem
    progress.step(f"reading {source}")
    return run.run(path, steps, dataset.load(source), target, folder, progress)


def tuned(settings: Settings) -> Tuned | None:
    """The measurements to choose kernels by, if there are any, made as this build is."""
    path = settings.build.tuned
    if path is None:
        return None
    target = board(settings)
    table = read_table(path)
    table.check(Conditions.of(target, settings.build.objective), path)
    return Tuned(table, target.cpu)


def exit_(settings: Settings, graph: Graph) -> Exit | None:
    """Where inferences of a graph may stop early, as the settings say."""
    output, threshold = settings.exit.output, settings.exit.threshold
    if output is None and threshold is None:
        return None
    output = required(output, "exit", "--exit OUTPUT", "[exit] output")
    threshold = required(threshold, "threshold", "--exit-threshold P", "[exit] threshold")
    return decision.make(graph, output, threshold)


def board(settings: Settings) -> Board:
    """The board to build for."""
    return boards.load_board(required(settings.build.board, "board", "--board", "[build] board"))


def core(settings: Settings) -> Core:
    """The core to generate for: the board's, or the one that is named."""
    if settings.build.board is not None:
        return board(settings).cpu
    name = required(settings.build.core, "target", "--board or --core", "[build] board or core")
    return cores.core(name)


def required(value: T | None, what: str, option: str, key: str) -> T:
    """A setting that a command cannot do without.

    Raises ConfigError that says where it can be given.
    """
    if value is None:
        raise ConfigError(f"no {what} is given; name one with {option}, or {key} in tinygen.toml")
    return value
