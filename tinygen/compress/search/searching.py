"""A whole search: the study, the model as it is for comparison, the work, what was found.

The folder holds, besides the results, one folder per trial that was run here, from which a killed
one goes on. It belongs to one search; so does the study, by its name.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tinygen
from tinygen import output
from tinygen.compress.recipe import Recipe
from tinygen.compress.search import claims, plot, report, study, trial
from tinygen.compress.search.budget import Budget
from tinygen.compress.search.candidate import Candidate
from tinygen.compress.search.worker import Prefixed, Worker
from tinygen.errors import BudgetError, ConfigError

if TYPE_CHECKING:
    from tinygen.compress.search.report import SearchReport
    from tinygen.compress.search.space import Space
    from tinygen.compress.search.trial import Site
    from tinygen.progress import Progress

_KEY = "study"
_PLAIN = Candidate(None, Recipe.model_validate({"step": [{"do": "ptq"}]}))


@dataclass(frozen=True, eq=False)
class Search:
    """What is searched, where, and what for: ``trials`` finished ones of all workers together."""

    space: Space
    site: Site
    trials: int
    storage: str | None
    folder: Path

    @property
    def name(self) -> str:
        """The name of the study: the same for everything that a figure depends on."""
        digest = hashlib.sha256()
        if self.site.model is not None:
            digest.update(self.site.model.read_bytes())
        for part in (self.site.dataset.train, self.site.dataset.test, self.site.test):
            for array in (part.x, part.y):
                digest.update(repr(array.shape).encode())
                digest.update(array.tobytes())
        teacher = self.space.distill.teacher if self.space.distill is not None else ""
        if Path(teacher).is_file():
            digest.update(Path(teacher).read_bytes())
        space = self.space.model_dump_json(exclude={"distill": {"teacher"}})
        for text in (space, repr(self.site.board), tinygen.__version__):
            digest.update(text.encode())
        stem = self.site.model.stem if self.site.model is not None else "zoo"
        return f"{stem}-{self.site.board.name}-{digest.hexdigest()[:12]}"


def run(search: Search, progress: Progress) -> SearchReport:
    """Search until there are enough trials, and write what was found into the folder.

    Trials that were finished before, here or elsewhere, count. Raises ConfigError for a folder or
    a storage that cannot be used, BudgetError where nothing in the space is within the budget, and
    what ends every trial alike.
    """
    name = search.name
    address = study.url(search.storage, search.folder)
    _own(search.folder, name)
    with claims.alone(search.folder / "lock"):
        opened = study.opened(address, name, search.space.seed)
        plain = None
        if search.site.model is not None:
            progress.step("plain int8: the model as it is")
            said = Prefixed(progress, "plain int8")
            plain = trial.evaluate(_PLAIN, search.site, Budget(), search.folder / "plain", said)
    Worker(search.space, search.site, search.trials, opened, search.folder, progress).work()
    made = report.collected(opened, search.site, plain, study.shown(address))
    with claims.alone(search.folder / "lock"):
        _write(made, search.folder, progress)
    if not any(found.within_budget for found in made.trials):
        raise BudgetError(
            f"none of {len(made.trials)} candidates is within the budget; raise it, or let the "
            f"space reach smaller ones ({search.folder / 'search.json'} has what they take)"
        )
    return made


def _own(folder: Path, name: str) -> None:
    """Make the folder that of this search. Raises ConfigError where it is somebody else's."""
    output.check_replaceable(folder)
    key = folder / _KEY
    if key.is_file() and key.read_text() != name:
        raise ConfigError(
            f"folder {folder} belongs to another search (another model, data, space, board or "
            "version of tinygen); name another one with -o"
        )
    folder.mkdir(parents=True, exist_ok=True)
    output.write_text(str(folder / output.MARKER), "Written by tinygen search.\n")
    output.write_text(str(key), name)


def _write(made: SearchReport, folder: Path, progress: Progress) -> None:
    """The report, its picture, and the models of the front that were made here."""
    output.write_text(str(folder / "search.json"), made.json_text())
    plot.write(made, folder / "search.svg", progress)
    shutil.rmtree(folder / "front", ignore_errors=True)
    for found in made.front:
        file = folder / "trials" / f"{found.number:04}" / trial.TFLITE
        if file.is_file():
            output.write_bytes(folder / "front" / f"{found.number:04}.tflite", file.read_bytes())
