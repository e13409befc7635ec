"""One candidate: estimated, and where that leaves hope, trained, compiled and measured.

What is done to it is done by a recipe (:mod:`tinygen.compress.run`), in a folder from which a
killed run goes on.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen import output, zoo
from tinygen.compress import cost, run, steps
from tinygen.compress.backend import keras
from tinygen.compress.dataset import Dataset, Labelled
from tinygen.compress.search.figures import Figures, time_and_energy
from tinygen.errors import DataError
from tinygen.frontend import keras as files
from tinygen.zoo import families

if TYPE_CHECKING:
    from pathlib import Path

    from tinygen.boards import Board
    from tinygen.compress.cost import Cost
    from tinygen.compress.search.budget import Budget
    from tinygen.compress.search.candidate import Candidate
    from tinygen.progress import Progress
    from tinygen.zoo.families import Architecture

TFLITE = "model.tflite"
"""What a finished trial leaves in its folder, besides what it was made from."""

_FEWEST = 10
_SPLIT_SEED = 20240613
_SETTLING = 256


class HopelessError(Exception):
    """A candidate is estimated to break the budget; ``excess`` says where and by which share."""

    def __init__(self, excess: dict[str, float]) -> None:
        self.excess = excess
        super().__init__(
            ", ".join(f"{name} {by:.0%} above the budget" for name, by in excess.items())
        )


@dataclass(frozen=True, eq=False)
class Site:
    """What all trials have in common.

    ``model`` is None where candidates are networks of the zoo. ``dataset`` is what they are trained
    and chosen by, its test part the validation samples; ``test`` has no say.
    """

    model: Path | None
    dataset: Dataset
    test: Labelled
    board: Board

    @classmethod
    def of(cls, model: Path | None, dataset: Dataset, board: Board) -> Site:
        """Let half of the test samples choose between candidates, and keep the other half for last.

        Training samples could not choose: a model that is given has learned them. Raises DataError
        where there are too few, and where the model does not take the samples.
        """
        if model is not None:
            dataset = dataset.fitted(files.load(model))
        whole = dataset.test
        if len(whole) < _FEWEST:
            raise DataError(
                f"there are {len(whole)} test samples, and a search parts them in two: those that "
                f"choose and those that are kept for last; give at least {_FEWEST}"
            )
        order = np.random.default_rng(_SPLIT_SEED).permutation(len(whole))
        validation, test = (
            Labelled(whole.x[half], whole.y[half]) for half in (order[::2], order[1::2])
        )
        return cls(model, Dataset(dataset.train, validation), test, board)

    @cached_property
    def model_cost(self) -> Cost:
        """What the model that is given takes, estimated."""
        assert self.model is not None
        return cost.estimate(files.load(self.model), self.board).cost

    def built(self, architecture: Architecture, seed: int) -> Any:
        """A network for these samples, its normalizations settled on some of them."""
        train = self.dataset.train
        labels = (train.y, self.dataset.test.y, self.test.y)
        classes = max(2, *(int(y.max()) + 1 for y in labels))
        model = families.build(architecture, train.x.shape[1:], classes, seed)
        zoo.settle(model, train.x[:_SETTLING])
        return model


def evaluate(
    candidate: Candidate, site: Site, budget: Budget, folder: Path, progress: Progress
) -> Figures:
    """Run a candidate in a folder of its own.

    The same arguments give the same figures, on the same kind of processor. Raises HopelessError
    for one that is estimated to break the budget, and what its recipe raises.
    """
    keras().backend.clear_session()
    if candidate.architecture is None:
        assert site.model is not None
        path, estimated = site.model, site.model_cost
    else:
        path = folder / "network.keras"
        network = site.built(candidate.architecture, candidate.recipe.seed)
        estimated = cost.estimate(network, site.board).cost
    excess = budget.hopeless(estimated, candidate.pruned_to, site.board)
    if excess:
        raise HopelessError(excess)
    if candidate.architecture is not None and not path.is_file():
        # The file of an interrupted trial holds the same weights, and its recipe goes by its bytes.
        _save(network, path)
    made = run.run(path, candidate.recipe, site.dataset, site.board, folder / "recipe", progress)
    output.write_bytes(folder / TFLITE, made.model.data)
    last = made.report.steps[-1]
    assert last.ram_bytes is not None
    assert last.flash_bytes is not None
    latency, energy = time_and_energy(last.cycles_modelled, site.board)
    return Figures(
        accuracy=last.accuracy,
        test_accuracy=steps.accuracy(steps.State(None, made.model.graph), site.test),
        cycles_modelled=last.cycles_modelled,
        instructions=last.instructions,
        latency_ms=latency,
        energy_uj_modelled=energy,
        ram_bytes=last.ram_bytes,
        flash_bytes=last.flash_bytes,
        parameters=last.parameters,
        macs=last.macs,
    )


def _save(model: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name("new.keras")
    model.save(scratch)
    os.replace(scratch, path)
