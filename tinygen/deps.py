"""Sources that generated code can use and tinygen does not carry: CMSIS-NN, pinned by commit.

What is installed is only what is compiled (Include/, Source/ and the licence), checked by a digest
over every path and content, so that a release archive, a git checkout and a mirror are all equally
good and equally verified.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from tinygen import archives, paths
from tinygen.errors import InputError, ToolchainError
from tinygen.output import atomic_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

CMSIS_NN_COMMIT = "99f736a63036613032f9b70de36b493bcd7802d4"
CMSIS_NN_SHA256 = "283cb4d7025f0f639b5e00cb8fe2af24533f1fabaee626f2ad64859fb9ebba63"
CMSIS_NN_URL = f"https://github.com/ARM-software/CMSIS-NN/archive/{CMSIS_NN_COMMIT}.tar.gz"
ENVIRONMENT = "TINYGEN_CMSIS_NN"

_PROOF_OF_LIFE = "Include/arm_nnfunctions.h"
_DOWNLOAD_SECONDS = 60
_DOWNLOAD_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True)
class CmsisNN:
    """CMSIS-NN as it will be compiled.

    ``root`` holds Include/ and Source/. ``commit`` is the pinned commit, or for other sources
    ``sha256:`` and the start of their digest; ``pinned`` tells which.
    """

    root: Path
    commit: str
    pinned: bool


def cmsis_nn() -> CmsisNN | None:
    """The CMSIS-NN to use: the folder in TINYGEN_CMSIS_NN, else the installed one, else None.

    Raises InputError when TINYGEN_CMSIS_NN does not hold CMSIS-NN, ToolchainError when the
    installed files are no longer those that were verified.
    """
    if folder := os.environ.get(ENVIRONMENT):
        return _described(Path(folder).absolute())
    for root in (_unpinned_root(), _pinned_root()):
        if root.is_dir():
            found = _described(root)
            if root == _pinned_root() and not found.pinned:
                raise ToolchainError(
                    f"CMSIS-NN in {root} was changed since it was installed; "
                    "run 'tinygen deps install cmsis-nn' again"
                )
            return found
    return None


def install_cmsis_nn(source: Path | None = None, *, unpinned: bool = False) -> CmsisNN:
    """Install CMSIS-NN into the cache, downloaded or from a folder or an archive.

    Raises ToolchainError when it cannot be downloaded, InputError when ``source`` is not readable,
    is not CMSIS-NN, or is not the pinned version and ``unpinned`` is not set.
    """
    files = _wanted(archives.read_tree(source) if source is not None else _download())
    origin = str(source) if source is not None else CMSIS_NN_URL
    if _PROOF_OF_LIFE not in files:
        raise InputError(f"{origin} does not hold {_PROOF_OF_LIFE}; name a copy of CMSIS-NN")
    digest = digest_of(files)
    pinned = digest == CMSIS_NN_SHA256
    if not pinned and not unpinned:
        raise InputError(
            f"{origin} is not CMSIS-NN at commit {CMSIS_NN_COMMIT} (sha256 {digest}, not "
            f"{CMSIS_NN_SHA256}); fetch that commit, or accept these files with --unpinned"
        )
    root = _pinned_root() if pinned else _unpinned_root()
    with atomic_folder(root) as folder:
        for path, content in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    if pinned:
        shutil.rmtree(_unpinned_root(), ignore_errors=True)
    _described.cache_clear()
    return _described(root)


def digest_of(files: Mapping[str, bytes]) -> str:
    """sha256 over the files in order of path: the path, a zero byte, the length, the content."""
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(path.encode() + b"\0" + len(files[path]).to_bytes(8, "little"))
        total.update(files[path])
    return total.hexdigest()


@lru_cache(maxsize=8)
def _described(root: Path) -> CmsisNN:
    if not (root / _PROOF_OF_LIFE).is_file():
        raise InputError(
            f"folder {root} does not hold {_PROOF_OF_LIFE}; point {ENVIRONMENT} at a copy of "
            "CMSIS-NN, or unset it and run 'tinygen deps install cmsis-nn'"
        )
    parts = [p for name in ("Include", "Source") for p in (root / name).rglob("*") if p.is_file()]
    parts += [path for path in root.glob("LICENSE*") if path.is_file()]
    digest = digest_of({p.relative_to(root).as_posix(): p.read_bytes() for p in parts})
    pinned = digest == CMSIS_NN_SHA256
    return CmsisNN(root, CMSIS_NN_COMMIT if pinned else f"sha256:{digest[:16]}", pinned)


def _wanted(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {
        path: content
        for path, content in files.items()
        if path.startswith(("Include/", "Source/"))
        or ("/" not in path and path.startswith("LICENSE"))
    }


def _download() -> dict[str, bytes]:
    advice = "fetch it elsewhere and run 'tinygen deps install cmsis-nn --from PATH'"
    try:
        # The scheme is fixed by CMSIS_NN_URL, and the content is checked against the pin.
        with urllib.request.urlopen(CMSIS_NN_URL, timeout=_DOWNLOAD_SECONDS) as reply:
            data = reply.read(_DOWNLOAD_LIMIT + 1)
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise ToolchainError(f"cannot download {CMSIS_NN_URL} ({reason}); {advice}") from None
    if len(data) > _DOWNLOAD_LIMIT:
        raise ToolchainError(f"{CMSIS_NN_URL} answers with more than 64 MiB; {advice}")
    return archives.without_top_folder(archives.read_archive(data, CMSIS_NN_URL))


def _pinned_root() -> Path:
    return paths.cache_dir() / "cmsis-nn" / CMSIS_NN_COMMIT


def _unpinned_root() -> Path:
    return paths.cache_dir() / "cmsis-nn" / "unpinned"
