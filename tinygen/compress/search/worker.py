"""The loop: draw, judge, run, until there are enough finished trials.

Any number of workers, on any number of machines, may do this on one storage; how many trials there
are to be is what they reach together. None of them does what another one does already.
"""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tinygen.compress.search import claims, report, study, trial
from tinygen.compress.search.candidate import candidate
from tinygen.errors import BudgetError, ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from optuna import Study, Trial

    from tinygen.compress.search.candidate import Candidate
    from tinygen.compress.search.figures import Figures
    from tinygen.compress.search.space import Space
    from tinygen.compress.search.trial import Site
    from tinygen.progress import Progress

T = TypeVar("T")

# Candidates that break the budget, fail or were drawn before, per trial that is wanted: with more,
# the space holds no others.
_DRAWS = 10


class SkippedError(Exception):
    """A candidate is not worth a trial."""


@dataclass(eq=False)
class Worker:
    """One process that works on a search, with figures for candidates from ``site``."""

    space: Space
    site: Site
    trials: int
    study: Study
    folder: Path
    progress: Progress
    running: int | None = None

    def work(self) -> None:
        """Take one trial after the other. Raises what would end every trial alike."""
        for number in study.take_up_what_was_left(self.study):
            self.progress.step(f"trial {number}: its worker was killed, it is taken up again")
        while self._wanted():
            self._one()
            study.take_up_what_was_left(self.study)

    def _wanted(self) -> bool:
        from optuna.trial import TrialState

        known = self.study.get_trials(deepcopy=False)
        finished = sum(t.state == TrialState.COMPLETE for t in known)
        running = sum(t.state == TrialState.RUNNING for t in known)
        if finished + running >= self.trials:
            rest = f", {running} running elsewhere" if running else ""
            self.progress.step(f"{finished} trials are finished{rest}")
            return False
        if len(known) >= (_DRAWS + 1) * self.trials:
            self.progress.step(
                f"{finished} trials are finished; {len(known)} draws have found no more candidates "
                "within the budget"
            )
            return False
        return True

    def _one(self) -> None:
        import optuna

        self.running = None
        try:
            # What the trial holds, it lets go of when the study knows how it has ended.
            with ExitStack() as until_told, warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                self.study.optimize(
                    lambda drawn: self._objective(drawn, until_told),
                    n_trials=1,
                    catch=(BudgetError, ModelError, SkippedError),
                )
        except BaseException:
            # Whatever ends this worker, the next one is to go on where it was.
            if self.running is not None:
                study.take_up(self.study, self.study.trials[self.running])
            raise

    def _objective(self, drawn: Trial, until_told: ExitStack) -> tuple[float, ...]:
        import optuna

        self.running = drawn.number
        self._keep_within_what_is_wanted(drawn)
        number = study.number_of(self.study, drawn)
        folder = self.folder / "trials" / f"{number:04}"
        claim = until_told.enter_context(claims.held(folder.with_suffix(".lock")))
        if claim is None:
            raise SkippedError(f"trial {number} is still worked on")
        drawn.set_user_attr(study.CLAIM, claim)
        drawn.set_user_attr(study.NUMBER, number)
        seed = study.seed_of(self.space.seed, number)
        chosen = candidate(self.space, study.drawing(drawn), seed)
        drawn.set_user_attr(report.CANDIDATE, report.described(chosen))
        self._keep_apart(drawn, chosen)
        said = Prefixed(self.progress, f"trial {number}")
        said.step(", ".join(f"{k} {v}" for k, v in drawn.params.items()) or "nothing to choose")
        budget, board = self.space.budget, self.site.board
        try:
            figures = trial.evaluate(chosen, self.site, budget, folder, said)
            excess = budget.excess(figures, board)
        except trial.HopelessError as error:
            said.step(f"not trained: {error}, by estimate")
            _note(drawn, error.excess)
            drawn.set_user_attr(report.FAILURE, f"{error}, by estimate")
            raise optuna.TrialPruned from None
        except (BudgetError, ModelError) as error:
            said.step(f"failed: {error}")
            drawn.set_user_attr(report.FAILURE, str(error))
            raise
        _note(drawn, excess)
        drawn.set_user_attr(report.FIGURES, figures.model_dump())
        said.step(_said(figures))
        return (figures.accuracy, *figures.costs)

    def _keep_within_what_is_wanted(self, drawn: Trial) -> None:
        """Of workers that take the last trial at the same time, let the first one have it."""
        from optuna.trial import TrialState

        ahead = self.study.get_trials(deepcopy=False)[: drawn.number]
        if sum(t.state in (TrialState.COMPLETE, TrialState.RUNNING) for t in ahead) >= self.trials:
            raise SkippedError("others have enough trials")

    def _keep_apart(self, drawn: Trial, chosen: Candidate) -> None:
        """Refuse a candidate that has a trial already, whatever the seed."""
        from optuna.trial import TrialState

        mine = report.choices(report.described(chosen))
        for other in self.study.get_trials(deepcopy=False):
            known = other.user_attrs.get(report.CANDIDATE)
            ended = other.state in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
            failed = other.state == TrialState.FAIL and report.FAILURE in other.user_attrs
            same = known is not None and report.choices(known) == mine
            if other.number != drawn.number and same and (ended or failed):
                raise SkippedError(f"as trial {other.user_attrs.get(study.NUMBER)}")


def _note(drawn: Trial, excess: dict[str, float]) -> None:
    """Tell the sampler by how much a candidate breaks the budget."""
    for name, by in excess.items():
        drawn.set_constraint(name, by)


def _said(figures: Figures) -> str:
    return (
        f"accuracy {figures.accuracy:.4f}, {figures.time:,.0f} "
        f"{'instructions' if figures.cycles_modelled is None else 'cycles (modelled)'}, "
        f"RAM {figures.ram_bytes:,}, flash {figures.flash_bytes:,}"
    )


@dataclass(frozen=True, eq=False)
class Prefixed:
    """Progress that says what it is the progress of."""

    progress: Progress
    title: str

    def step(self, text: str) -> None:
        """Says the title first."""
        self.progress.step(f"{self.title}: {text}")

    def track(self, items: Iterable[T], total: int, text: str) -> Iterator[T]:
        """Shows the title first."""
        return self.progress.track(items, total, f"{self.title}: {text}")
