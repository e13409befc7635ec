"""Answers of a device, kept on disk as they come, so that a test that is broken off can go on.

The journal of a test is an SQLite file beside the firmware. It belongs to one build, one data set,
one board and one kind of device, and is removed once the report of the test has been written. What
is in it stays there when this process is killed; only a crash of the whole machine may take the
last answers, which are then asked for again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import sqlite3
from typing import TYPE_CHECKING

from tinygen.errors import ConfigError, InputError
from tinygen.report.run import Figures

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tinygen.built import Built
    from tinygen.data import Samples
    from tinygen.progress import Progress

_TABLES = (
    "CREATE TABLE IF NOT EXISTS belongs (what TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS figures (only_one INTEGER PRIMARY KEY, json TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS answers (sample INTEGER, output INTEGER, bytes BLOB NOT NULL, "
    "PRIMARY KEY (sample, output)) WITHOUT ROWID",
)
_KEY_DIGITS = 16


class Journal:
    """An open journal. ``answered`` has the outputs of the samples that were answered before."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.answered: dict[int, tuple[bytes, ...]] = {}
        self._database = database
        rows = database.execute("SELECT sample, bytes FROM answers ORDER BY sample, output")
        for sample, output in rows:
            self.answered[sample] = (*self.answered.get(sample, ()), output)

    def record(self, sample: int, outputs: Sequence[bytes]) -> None:
        """Keeps the outputs of a sample, all of them or none."""
        rows = [(sample, output, value) for output, value in enumerate(outputs)]
        with _transaction(self._database):
            self._database.executemany("INSERT INTO answers VALUES (?, ?, ?)", rows)
        self.answered[sample] = tuple(outputs)

    @property
    def figures(self) -> Figures | None:
        """The figures that were taken before."""
        row = self._database.execute("SELECT json FROM figures").fetchone()
        return None if row is None else Figures(**json.loads(row[0]))

    def record_figures(self, figures: Figures) -> Figures:
        """Keeps the figures of the device, and returns them."""
        text = json.dumps(dataclasses.asdict(figures))
        self._database.execute("INSERT INTO figures VALUES (0, ?)", (text,))
        return figures


class Journaling:
    """How one test is journalled: in the file ``path``, or beside the firmware where it is None.

    With ``resume`` a test that was broken off is taken up, else it is forgotten.
    """

    def __init__(self, path: Path | None = None, *, resume: bool = True) -> None:
        self._path = path
        self._resume = resume
        self._written: Path | None = None

    @contextlib.contextmanager
    def open(
        self, folder: Path, under_test: Built, samples: Samples, device: str, progress: Progress
    ) -> Iterator[Journal]:
        """The journal of this test; one that is not kept while another process is at the same test.

        Raises InputError when ``path`` is no journal or that of something else, ConfigError when
        it cannot be written or is in use.
        """
        belongs = _belongs(under_test, samples, device)
        path = self._path or folder / f"journal-{_digest(belongs)}.sqlite"
        with contextlib.closing(self._database(path, progress)) as database:
            self._claim(database, path, belongs)
            journal = Journal(database)
            if journal.answered:
                progress.step(
                    f"going on after {len(journal.answered)} of {len(samples)} samples, which are "
                    f"in {path}"
                )
            try:
                yield journal
            except sqlite3.Error as error:
                raise ConfigError(_unwritable(path, error)) from None
            except BaseException:
                if self._written is not None:
                    progress.step(
                        f"broken off after {len(journal.answered)} of {len(samples)} samples; the "
                        "same command goes on from there"
                    )
                raise

    def finish(self) -> None:
        """Removes the journal: the report has been written."""
        if self._written is not None:
            self._written.unlink(missing_ok=True)

    def _database(self, path: Path, progress: Progress) -> sqlite3.Connection:
        try:
            database = _opened(path)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise ConfigError(_unwritable(path, error)) from None
            if self._path is not None:
                raise ConfigError(
                    f"{path} is in use by another test; wait for its end, or name another file"
                ) from None
            progress.step("keeping no journal: another process runs the same test")
            return _opened(":memory:")
        except sqlite3.DatabaseError:
            raise InputError(
                f"{path} exists and is not a journal; name another file with --journal"
            ) from None
        self._written = path
        return database

    def _claim(self, database: sqlite3.Connection, path: Path, belongs: Mapping[str, str]) -> None:
        found = dict(database.execute("SELECT what, value FROM belongs"))
        other = [what for what, value in belongs.items() if found.get(what, value) != value]
        if other and self._resume:
            raise InputError(
                f"{path} is the journal of another {other[0]} ({found[other[0]][:16]} instead of "
                f"{belongs[other[0]][:16]}); begin afresh with --no-resume, or name another file "
                "with --journal"
            )
        with _transaction(database):
            if not self._resume:
                for table in ("belongs", "figures", "answers"):
                    database.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
            database.executemany("INSERT OR IGNORE INTO belongs VALUES (?, ?)", belongs.items())


def _opened(path: Path | str) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        # One process writes, and a commit need not wait for the disk: what a killed process has
        # written is with the operating system.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        with _transaction(database):
            for table in _TABLES:
                database.execute(table)
    except BaseException:
        database.close()
        raise
    return database


def _unwritable(path: Path, error: sqlite3.Error) -> str:
    return f"cannot write {path} ({error}); name another file with --journal"


@contextlib.contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _belongs(under_test: Built, samples: Samples, device: str) -> dict[str, str]:
    """What the answers depend on."""
    return {
        "model": under_test.report.model.sha256,
        "build": under_test.report.build_id or "unknown",
        "data set": _data_digest(samples),
        "board": under_test.board.name,
        "kind of device": device,
    }


def _data_digest(samples: Samples) -> str:
    labels = [] if samples.labels is None else [samples.labels]
    digest = hashlib.sha256()
    for array in (*samples.inputs, *labels):
        digest.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def _digest(belongs: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(belongs).encode()).hexdigest()[:_KEY_DIGITS]
