"""The trials of all workers, as an optuna study in a database.

What a trial draws follows from the seed of the space, its number, and the trials that have ended
before it. Its number counts trials that were begun anew: one that takes up a trial whose worker was
killed has the number, the choices and the seed of that trial. So a search by one worker ends with
the same trials, however often it was killed.
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tinygen.compress.search import claims
from tinygen.compress.search.space import Range
from tinygen.errors import ConfigError, ToolchainError

if TYPE_CHECKING:
    from pathlib import Path

    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

    from tinygen.compress.search.candidate import Draw

T = TypeVar("T")

NUMBER, ATTEMPT, CLAIM = "number", "attempt", "claim"
"""Attributes of a trial: its number, how often it was begun, who works on it."""
ATTEMPTS = 3
"""A trial that has been left so often has killed its workers, and is given up."""

_HEARTBEAT_S = 15
_SILENCE_S = 240
_BUSY_S = 120


def url(given: str | None, folder: Path) -> str:
    """The URL of a storage: as given, of the SQLite file that is named, or of one in the folder."""
    if given is not None and "://" in given:
        return given
    return f"sqlite:///{given or folder / 'study.sqlite3'}"


def shown(address: str) -> str:
    """The URL without its password; it need not be one."""
    return re.sub(r"(?<=:)[^:/@]+(?=@)", "***", address)


def opened(address: str, name: str, seed: int) -> Study:
    """The study of this name, made if there is none.

    Raises ToolchainError where optuna or the driver of the database is missing, ConfigError for a
    URL that is none and for a database that cannot be reached.
    """
    try:
        import optuna
        from sqlalchemy.exc import ArgumentError, SQLAlchemyError
    except ImportError as error:
        raise ToolchainError(
            f"a search needs optuna, which cannot be imported ({error}); "
            "install it with: pip install 'tinygen[train]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            storage = optuna.storages.RDBStorage(
                address,
                engine_kwargs={"connect_args": {"timeout": _BUSY_S}} if _is_sqlite(address) else {},
                heartbeat_interval=_HEARTBEAT_S,
                grace_period=_SILENCE_S,
                heartbeat_stale_trial_callback=take_up,
            )
        return optuna.create_study(
            storage=storage,
            sampler=_sampler(seed),
            study_name=name,
            directions=["maximize", "minimize", "minimize", "minimize"],
            load_if_exists=True,
        )
    except ArgumentError:
        raise ConfigError(
            f"storage {shown(address)} is not the URL of a database; write it as "
            "postgresql://user@host/database, or name a file for SQLite"
        ) from None
    except ImportError as error:
        raise ToolchainError(
            f"storage {shown(address)} needs a Python driver that is not installed "
            f"({_root(error)}); install it, for example psycopg2-binary for "
            "postgresql+psycopg2:// or pymysql for mysql+pymysql://"
        ) from None
    except SQLAlchemyError as error:
        raise ConfigError(
            f"storage {shown(address)} cannot be used ({_root(error)}); check that the database "
            "is there and may be written"
        ) from None


def drawing(trial: Trial) -> Draw:
    """What draws for a trial, so that the study knows it."""

    def draw(name: str, among: tuple[T, ...] | Range[T]) -> T:
        chosen: Any
        if isinstance(among, Range):
            low: Any = among.low
            suggest: Any = trial.suggest_int if isinstance(low, int) else trial.suggest_float
            chosen = suggest(name, low, among.high, log=among.log)
        elif len(among) == 1:
            chosen = among[0]
        else:
            kept: Any = among
            chosen = trial.suggest_categorical(name, kept)
        return chosen  # type: ignore[no-any-return]

    return draw


def number_of(study: Study, trial: Trial | FrozenTrial) -> int:
    """The number of a trial: how many were begun anew before it, or that of the one it takes up."""
    known = trial.user_attrs.get(NUMBER)
    if known is not None:
        return int(known)
    before = study.get_trials(deepcopy=False)[: trial.number]
    return sum(other.user_attrs.get(ATTEMPT, 1) == 1 for other in before)


def seed_of(seed: int, number: int) -> int:
    """The seed of a trial."""
    return int(np.random.SeedSequence((seed, number)).generate_state(1)[0])


def take_up(study: Study, trial: FrozenTrial) -> None:
    """Put a trial that was left back into the queue, with all that it has drawn."""
    from optuna.trial import TrialState, create_trial

    attempt = trial.user_attrs.get(ATTEMPT, 1)
    if attempt >= ATTEMPTS:
        return
    kept = {name: value for name, value in trial.user_attrs.items() if name != CLAIM}
    study.add_trial(
        create_trial(
            state=TrialState.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs={**kept, NUMBER: number_of(study, trial), ATTEMPT: attempt + 1},
        )
    )


def take_up_what_was_left(study: Study) -> list[int]:
    """Queue the trials that killed workers of this machine have left; returns their numbers."""
    from optuna.trial import TrialState

    found = []
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        with claims.inherited(trial.user_attrs.get(CLAIM)) as left:
            # Somebody may have done so, or the trial have ended, since it was read.
            now = study.get_trials(deepcopy=False)[trial.number]
            if left and now.state == TrialState.RUNNING:
                study.tell(trial.number, state=TrialState.FAIL)
                take_up(study, now)
                found.append(number_of(study, now))
    return found


def _sampler(seed: int) -> Any:
    from optuna.samplers import BaseSampler, TPESampler

    class Repeatable(BaseSampler):
        """TPE that starts every trial from the trial's own seed.

        With one stream for all trials, what is drawn would hang on when a search was killed, and
        two workers would draw the same.
        """

        def __init__(self) -> None:
            self._own = TPESampler(seed=seed)

        def before_trial(self, study: Study, trial: FrozenTrial) -> None:
            self._own = TPESampler(seed=seed_of(seed, number_of(study, trial)))

        def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> Any:
            return self._own.infer_relative_search_space(study, trial)

        def sample_relative(self, study: Study, trial: FrozenTrial, search_space: Any) -> Any:
            return self._own.sample_relative(study, trial, search_space)

        def sample_independent(self, *arguments: Any, **named: Any) -> Any:
            return self._own.sample_independent(*arguments, **named)

    return Repeatable()


def _is_sqlite(address: str) -> bool:
    return address.startswith("sqlite")


def _root(error: BaseException) -> str:
    """The first line of what was first to go wrong."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return next(iter(str(error).splitlines()), "") or type(error).__name__
