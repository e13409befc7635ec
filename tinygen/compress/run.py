"""A recipe from its first step to the int8 model, in a folder from which a killed run goes on.

The folder holds, per finished step, the model and its report; within a step, training keeps its own
state after every epoch. It belongs to one model, one data set, one recipe and one board: a run with
anything else in one of them starts from the beginning.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydantic

import tinygen
from tinygen import output
from tinygen.compress import cost, steps
from tinygen.compress.backend import keras
from tinygen.compress.cluster import stream_bytes
from tinygen.compress.report import CompressionReport, StepReport
from tinygen.errors import ConfigError
from tinygen.frontend import keras as files
from tinygen.frontend import tflite
from tinygen.models import Model
from tinygen.tflite_format.writer import write

if TYPE_CHECKING:
    from tinygen.boards import Board
    from tinygen.compress.dataset import Dataset, Labelled
    from tinygen.compress.recipe import Recipe
    from tinygen.compress.steps import State
    from tinygen.progress import Progress

_KEY = "key"


@dataclass(frozen=True, eq=False)
class Compressed:
    """The int8 model that a recipe has made, and the report of every step."""

    model: Model
    report: CompressionReport


def run(
    path: Path, recipe: Recipe, dataset: Dataset, board: Board, folder: Path, progress: Progress
) -> Compressed:
    """Do every step of a recipe to the Keras model in a file, but for those ``folder`` has.

    The same arguments give the same bytes, on the same kind of processor, however often the run was
    interrupted. Raises ConfigError for a folder with other files, and what the steps raise.
    """
    _claim(folder, _digest(path, recipe, dataset, board))
    model = files.load(path)
    dataset, held = dataset.fitted(model), None
    if recipe.early_exit is not None:
        dataset, held = dataset.validated()
    keras().utils.set_random_seed(recipe.seed)
    run_ = _Run(path, recipe, dataset, held, board, folder, progress)
    state = steps.State(model)
    reports = [run_.restored(0) or run_.reported(0, "start", state)]
    for number, step in enumerate(recipe.step, 1):
        report = run_.restored(number)
        if report is None:
            progress.step(f"step {number} of {len(recipe.step)}: {step.do}")
            state = steps.apply(step, state, run_.work(number))
            run_.save(number, state)
            report = run_.reported(number, step.do, state)
        elif run_.restored(number + 1) is None:
            progress.step(f"step {number} of {len(recipe.step)}: {step.do} was done already")
            state = run_.state(number, state)
        reports.append(report)
    content = run_.tflite(len(recipe.step)).read_bytes()
    return Compressed(
        Model(content, tflite.read(content, path.stem)),
        CompressionReport(
            model=path.name,
            board=board.name,
            seed=recipe.seed,
            test_samples=len(dataset.test),
            steps=tuple(reports),
        ),
    )


@dataclass(frozen=True, eq=False)
class _Run:
    """Where the run keeps things, and how it looks at a model."""

    path: Path
    recipe: Recipe
    dataset: Dataset
    held: Labelled | None
    board: Board
    folder: Path
    progress: Progress

    def work(self, number: int) -> steps.Work:
        return steps.Work(
            self.path.stem,
            self.dataset,
            self.board,
            self.recipe.seed,
            self._original,
            self.folder / f"step-{number}",
            self.progress,
        )

    def save(self, number: int, state: State) -> None:
        scratch = self.folder / "new.keras"
        state.model.save(scratch)
        os.replace(scratch, self._keras(number))
        if state.graph is not None:
            scratch.write_bytes(write(state.graph))
            os.replace(scratch, self.tflite(number))

    def state(self, number: int, before: State) -> State:
        """What the step left; the last one leaves only its int8 file to read."""
        if self.tflite(number).is_file():
            return before
        return steps.State(files.load(self._keras(number)))

    def restored(self, number: int) -> StepReport | None:
        try:
            return StepReport.model_validate_json(self._report(number).read_text())
        except (OSError, pydantic.ValidationError):
            return None

    def reported(self, number: int, name: str, state: State) -> StepReport:
        """Measure the model after a step, and note that the step is done."""
        graph = state.graph or cost.int8_graph(state.model)
        figures = cost.measure(graph, self.board)
        threshold = rate = None
        if self.recipe.early_exit is not None and self.held is not None and steps.has_exit(state):
            loss = self.recipe.early_exit.loss
            choice, rate, right = steps.with_exit(state, self.held, self.dataset.test, loss)
            threshold = choice.threshold
        else:
            right = steps.accuracy(state, self.dataset.test)
        report = StepReport(
            step=name,
            int8=state.graph is not None,
            accuracy=right,
            parameters=int(state.model.count_params()),
            macs=figures.macs,
            flash_bytes=figures.flash_bytes,
            ram_bytes=figures.ram_bytes,
            cycles_modelled=figures.cycles_modelled,
            instructions=figures.instructions,
            weights_stream_bytes=stream_bytes(graph),
            exit_threshold=threshold,
            exit_rate=rate,
        )
        output.write_text(str(self._report(number)), report.model_dump_json() + "\n")
        shutil.rmtree(self.folder / f"step-{number}", ignore_errors=True)
        return report

    def tflite(self, number: int) -> Path:
        return self.folder / f"step-{number}.tflite"

    def _keras(self, number: int) -> Path:
        return self.folder / f"step-{number}.keras"

    def _report(self, number: int) -> Path:
        return self.folder / f"step-{number}.json"

    def _original(self) -> Any:
        number = self.recipe.teacher_after
        return files.load(self._keras(number) if number else self.path)


def _claim(folder: Path, key: str) -> None:
    """Make the folder that of this run: as it is where it was begun by the same, else empty."""
    output.check_replaceable(folder)
    known = folder / _KEY
    if known.is_file() and known.read_text() == key:
        return
    with output.atomic_folder(folder) as fresh:
        (fresh / _KEY).write_text(key)


def _digest(path: Path, recipe: Recipe, dataset: Dataset, board: Board) -> str:
    """What a run depends on."""
    digest = hashlib.sha256()
    for name in (path, *map(Path, recipe.teachers)):
        try:
            digest.update(name.read_bytes())
        except OSError as error:
            raise ConfigError(
                f"model {name} cannot be read ({error.strerror}); name a .keras or .h5 file"
            ) from None
    for array in (dataset.train.x, dataset.train.y, dataset.test.x, dataset.test.y):
        digest.update(repr(array.shape).encode())
        digest.update(array.tobytes())
    for text in (recipe.model_dump_json(), repr(board), tinygen.__version__):
        digest.update(text.encode())
    return digest.hexdigest()
