"""Reading source archives from elsewhere without ever writing where they say."""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tinygen.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIMIT = 256 * 1024 * 1024


def read_tree(source: Path) -> dict[str, bytes]:
    """Every regular file of a folder, a .tar.gz or a .zip: its content by its relative path.

    Links and special files are left out; a single folder at the top of everything is taken off.
    Raises InputError for a source that is missing, damaged, larger than 256 MiB unpacked, or that
    names a file outside itself.
    """
    if source.is_dir():
        files = _folder(source)
    elif source.is_file():
        files = read_archive(source.read_bytes(), str(source))
    else:
        raise InputError(f"{source} does not exist; name a folder, a .tar.gz or a .zip file")
    return without_top_folder(files)


def read_archive(data: bytes, name: str) -> dict[str, bytes]:
    """As :func:`read_tree`, for an archive in memory, with every path as the archive has it."""
    members = _zip if data[:2] == b"PK" else _tar
    files: dict[str, bytes] = {}
    total = 0
    try:
        for path, content in members(data):
            total += len(content)
            if total > _LIMIT:
                raise InputError(f"{name} unpacks to more than {_LIMIT >> 20} MiB; name another")
            files[_inside(path, name)] = content
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError):
        raise InputError(
            f"{name} is not a readable .tar.gz or .zip archive; fetch it again"
        ) from None
    return files


def _tar(data: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as archive:
        for member in archive:
            if member.isreg() and (stream := archive.extractfile(member)) is not None:
                yield member.name, stream.read(_LIMIT + 1)


def _zip(data: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            unix_type = info.external_attr >> 28
            if not info.is_dir() and unix_type in (0, 0o10):
                with archive.open(info) as stream:
                    yield info.filename, stream.read(_LIMIT + 1)


def _folder(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def _inside(path: str, archive: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts:
        raise InputError(f"{archive} holds {path!r}, a path outside itself; do not trust it")
    return pure.as_posix()


def without_top_folder(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files without the one folder that holds them all, where there is such a folder."""
    tops = {path.split("/", 1)[0] for path in files}
    if len(tops) != 1 or not all("/" in path for path in files):
        return files
    return {path.split("/", 1)[1]: content for path, content in files.items()}
