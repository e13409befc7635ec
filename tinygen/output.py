"""Writing results so that nobody ever sees a half-written file or folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tinygen.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKER = ".tinygen"
_MARKER_TEXT = "Written by tinygen, which replaces this whole folder the next time it writes it.\n"


def check_replaceable(target: Path) -> None:
    """Refuse an output folder that holds somebody else's files.

    Raises ConfigError for a file, and for a folder with content that tinygen did not write.
    """
    if target.is_dir():
        if any(target.iterdir()) and not (target / MARKER).is_file():
            raise ConfigError(
                f"folder {target} exists and was not written by tinygen; "
                "name another output folder or remove this one"
            )
    elif os.path.lexists(target):
        raise ConfigError(f"{target} exists and is not a folder; name another output folder")


@contextlib.contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """A temporary sibling of ``target`` to write into, which takes its place at the end.

    When the block raises, ``target`` stays as it was. Raises ConfigError as
    :func:`check_replaceable` does.
    """
    target = Path(os.path.abspath(target))
    check_replaceable(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    fresh = scratch / target.name
    try:
        fresh.mkdir()
        yield fresh
        (fresh / MARKER).write_text(_MARKER_TEXT)
        _swap(fresh, target, scratch / "replaced")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _swap(fresh: Path, target: Path, aside: Path) -> None:
    """Put ``fresh`` in the place of ``target``, which is put back should that fail."""
    if not target.exists():
        fresh.rename(target)
        return
    target.rename(aside)
    try:
        fresh.rename(target)
    except OSError:
        aside.rename(target)
        raise


def write_text(target: str, text: str) -> None:
    """Write ``text`` to the file ``target``, all of it or nothing; ``-`` is standard output."""
    if target == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    write_bytes(Path(target), text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.chmod(scratch, 0o666 & ~_umask())
        os.replace(scratch, path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The process's file creation mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
