"""Helpers in C for what Python is too slow for, compiled once per machine."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING

from tinygen.paths import cache_dir

if TYPE_CHECKING:
    from pathlib import Path


def library(source: Path) -> ctypes.CDLL | None:
    """The compiled helper, from the cache or compiled now; None without a host compiler."""
    text = source.read_bytes()
    stamp = hashlib.sha256(text + platform.machine().encode()).hexdigest()[:16]
    path = cache_dir() / "helpers" / f"{source.stem}-{stamp}.so"
    if not path.exists() and not _compile(source, path):
        return None
    return ctypes.CDLL(str(path))


def _compile(source: Path, path: Path) -> bool:
    """Whether it could be compiled to ``path``, safely against a second process at it."""
    compiler = (
        shlex.split(os.environ.get("CC", ""))
        or [name for name in ("cc", "gcc", "clang") if shutil.which(name)][:1]
    )
    if not compiler:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        fresh = path.parent / folder / path.name
        command = [*compiler, "-O2", "-shared", "-fPIC", "-o", str(fresh), str(source)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return False
        fresh.replace(path)
    return True
