"""What a search has found; docs/search.md describes every field."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

import pydantic

from tinygen.compress.search.figures import Figures, dominates, dominates_on_test, front
from tinygen.compress.search.study import NUMBER

if TYPE_CHECKING:
    from optuna import Study
    from rich.console import Console

    from tinygen.compress.search.candidate import Candidate
    from tinygen.compress.search.trial import Site

SCHEMA = 1
CANDIDATE, FIGURES, FAILURE = "candidate", "figures", "failure"
"""Attributes of a trial in the study: what it tries, what came out, or why nothing did."""


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class TrialReport(_Part):
    """One candidate.

    ``infeasible`` ones were not trained, since they are estimated to break the budget. ``reason``
    says why there are no figures. ``on_front`` are those within the budget that no other one
    dominates. ``dominates_plain`` goes by the accuracy that the search chooses by,
    ``dominates_plain_on_test`` by that over samples which had no say.
    """

    number: int
    state: Literal["finished", "infeasible", "failed", "running"]
    architecture: dict[str, Any] | None
    recipe: dict[str, Any]
    figures: Figures | None = None
    reason: str | None = None
    within_budget: bool = False
    on_front: bool = False
    dominates_plain: bool = False
    dominates_plain_on_test: bool = False


class SearchReport(_Part):
    """All trials of a study, whoever ran them; ``plain`` is the given model, only quantized."""

    schema_version: int = SCHEMA
    study: str
    storage: str
    model: str | None
    board: str
    train_samples: int
    validation_samples: int
    test_samples: int
    plain: Figures | None
    trials: tuple[TrialReport, ...]

    @property
    def front(self) -> list[TrialReport]:
        """The Pareto front, from the fastest."""
        found = [trial for trial in self.trials if trial.on_front]
        return sorted(found, key=lambda trial: trial.figures.costs if trial.figures else ())

    def json_text(self) -> str:
        """The report as JSON."""
        return json.dumps(self.model_dump(mode="json"), indent=2) + "\n"


def described(candidate: Candidate) -> dict[str, Any]:
    """A candidate as JSON."""
    network = candidate.architecture
    return {
        "architecture": None if network is None else asdict(network),
        "recipe": candidate.recipe.model_dump(mode="json", exclude_none=True),
    }


def choices(description: dict[str, Any]) -> str:
    """What was chosen of a candidate, without its seed: equal for equal choices."""
    steps = description["recipe"]["step"]
    return json.dumps([description["architecture"], steps], sort_keys=True)


def collected(study: Study, site: Site, plain: Figures | None, storage: str) -> SearchReport:
    """The report of a study as it is now."""
    trials = _trials(study, plain)
    best = front((t.number, t.figures) for t in trials if t.figures and t.within_budget)
    return SearchReport(
        study=study.study_name,
        storage=storage,
        model=site.model.name if site.model is not None else None,
        board=site.board.name,
        train_samples=len(site.dataset.train),
        validation_samples=len(site.dataset.test),
        test_samples=len(site.test),
        plain=plain,
        trials=tuple(t.model_copy(update={"on_front": t.number in best}) for t in trials),
    )


def _trials(study: Study, plain: Figures | None) -> list[TrialReport]:
    """By number; of a trial that was taken up, what it has come to."""
    from optuna.trial import TrialState

    states: dict[TrialState, Literal["finished", "infeasible", "failed", "running"]] = {
        TrialState.COMPLETE: "finished",
        TrialState.PRUNED: "infeasible",
        TrialState.FAIL: "failed",
        TrialState.RUNNING: "running",
    }
    found: dict[int, TrialReport] = {}
    for trial in study.get_trials(deepcopy=False):
        known, state = trial.user_attrs, states.get(trial.state)
        skipped = state == "failed" and FAILURE not in known
        if state is None or skipped or CANDIDATE not in known:
            continue
        figures = Figures.model_validate(known[FIGURES]) if state == "finished" else None
        found[known[NUMBER]] = TrialReport(
            number=known[NUMBER],
            state=state,
            **known[CANDIDATE],
            figures=figures,
            reason=known.get(FAILURE),
            within_budget=figures is not None and all(v <= 0 for v in trial.constraints.values()),
            dominates_plain=bool(figures and plain and dominates(figures, plain)),
            dominates_plain_on_test=bool(figures and plain and dominates_on_test(figures, plain)),
        )
    return [found[number] for number in sorted(found)]


def show(report: SearchReport, console: Console) -> None:
    """The front as a table, under the model as it was given."""
    from rich.table import Table

    title = f"Pareto front of {_count(report, 'finished')} trials on {report.board}"
    table = Table(title=title)
    table.add_column("trial")
    for name in ("accuracy", "on test", *_COLUMNS.values()):
        table.add_column(name, justify="right")
    table.add_column("what")
    if report.plain is not None:
        table.add_row("plain int8", *_cells(report.plain), "")
    for trial in report.front:
        if trial.figures is not None:
            stars = "*" * (trial.dominates_plain + trial.dominates_plain_on_test)
            table.add_row(
                f"{trial.number} {stars}".rstrip(), *_cells(trial.figures), summary(trial)
            )
    console.print(table)
    if report.plain is not None:
        console.print(
            "*  no worse than plain int8 in anything and better in something, by the accuracy that "
            "chose, or on test; ** by both"
        )
    others = [f"{_count(report, s)} {s}" for s in ("infeasible", "failed", "running")]
    console.print(f"besides: {', '.join(others)}")


def summary(trial: TrialReport) -> str:
    """What a trial did, in a few words."""
    words = []
    if trial.architecture is not None:
        a = trial.architecture
        words.append(f"{a['family']} width {a['width']:g} depth {a['depth']} kernel {a['kernel']}")
    for step in trial.recipe["step"]:
        if step["do"] == "prune":
            words.append(f"pruned to {step['to']:.2g} by {step['criterion']}")
        elif step["do"] != "train":
            bits = "" if step["weight_bits"] == 8 else f", {step['weight_bits']} bits"
            words.append(step["do"] + bits)
    if any("distill" in step for step in trial.recipe["step"]):
        words.append("distilled")
    return ", ".join(words)


_COLUMNS = {
    "cycles_modelled": "cycles, modelled",
    "instructions": "instructions",
    "energy_uj_modelled": "µJ, modelled",
    "ram_bytes": "RAM",
    "flash_bytes": "flash",
}


def _cells(figures: Figures) -> list[str]:
    costs = (getattr(figures, name) for name in _COLUMNS)
    return [
        f"{figures.accuracy:.4f}",
        f"{figures.test_accuracy:.4f}",
        *(
            "-" if cost is None else f"{cost:,.1f}" if cost < 100 else f"{cost:,.0f}"
            for cost in costs
        ),
    ]


def _count(report: SearchReport, state: str) -> int:
    return sum(trial.state == state for trial in report.trials)
