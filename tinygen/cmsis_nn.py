"""Building CMSIS-NN: which of its files, how they are compiled, and a cache of the result.

A library holds all integer routines, one section each, so that a linker with ``--gc-sections``
keeps what a network calls. It is compiled once per core, compiler and version of CMSIS-NN (five
seconds on two cores) and then found in the cache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinygen import deps, paths, toolchain
from tinygen.errors import BuildError, ToolchainError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.cores import Core

LIBRARY = "libcmsis_nn.a"

_COMMON = ("-std=gnu11", "-ffunction-sections", "-fdata-sections", "-w")
# The undefined-behaviour sanitizer would stop at upstream's shifts of negative values and at null
# pointers plus zero, which every compiler treats as meant. Stray accesses are what matters.
_HOST = ("-O1", "-fsanitize=address", *_COMMON)
_FLOATING_POINT = ("_f16.c", "_f32.c", "_flt.c")


@dataclass(frozen=True)
class Recipe:
    """What any build system needs to compile CMSIS-NN for a core."""

    sources: tuple[Path, ...]
    include: Path
    flags: tuple[str, ...]


def recipe(core: Core | None) -> Recipe:
    """How CMSIS-NN is compiled for a core; None is this machine, for proofs.

    Raises ToolchainError when CMSIS-NN is not installed.
    """
    root = _installed().root
    sources = tuple(
        path
        for path in sorted((root / "Source").rglob("*.c"))
        if not path.name.endswith(_FLOATING_POINT)
    )
    return Recipe(sources, root / "Include", _HOST if core is None else target_flags(core))


def target_flags(core: Core) -> tuple[str, ...]:
    """Compiler flags for a core, those of the fewest instructions (docs/cmsis-nn.md).

    Requantization in inline assembly gives the same bits; it needs Thumb-2.
    """
    level = "-O3" if core.mve else "-O2"
    assembly = () if core.arch == "armv6-m" else ("-DCMSIS_NN_USE_REQUANTIZE_INLINE_ASSEMBLY",)
    return (*core.flags, level, *assembly, *_COMMON)


def link_flags(core: Core | None) -> tuple[str, ...]:
    """What a command that compiles and links generated C needs, behind the C files.

    Builds the library if the cache does not have it. Raises as :func:`library`.
    """
    return ("-isystem", str(_installed().root / "Include"), str(library(core)))


def library(core: Core | None) -> Path:
    """The static library for a core, or for this machine, from the cache or freshly compiled.

    Concurrent builds do not disturb each other: each compiles into a folder of its own, and the
    first to finish gives its folder the final name.

    Raises ToolchainError when CMSIS-NN or a compiler is missing, BuildError when it does not
    compile.
    """
    compiler, archiver = _tools(core)
    steps = recipe(core)
    name = "host" if core is None else core.name
    folder = paths.cache_dir() / "cmsis-nn" / "built" / f"{name}-{_key(compiler, steps)}"
    if not (folder / LIBRARY).is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder.parent) as scratch:
            _compile(compiler, archiver, steps, Path(scratch))
            _publish(Path(scratch) / LIBRARY, folder)
    return folder / LIBRARY


def _installed() -> deps.CmsisNN:
    found = deps.cmsis_nn()
    if found is None:
        raise ToolchainError(
            "the generated code calls CMSIS-NN, which is not installed; "
            "run 'tinygen deps install cmsis-nn', or use --kernels tinygen"
        )
    return found


def _tools(core: Core | None) -> tuple[str, str]:
    """Compiler and archiver."""
    if core is not None:
        return toolchain.arm_tool("gcc"), toolchain.arm_tool("ar")
    archiver = shutil.which("ar")
    if archiver is None:
        raise ToolchainError(
            "no 'ar' was found on PATH; install binutils (Debian: apt install gcc)"
        )
    return toolchain.host_compiler(), archiver


def _key(compiler: str, steps: Recipe) -> str:
    """Identifies the outcome of a build: source, compiler and flags."""
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False)
    parts = (_installed().commit, version.stdout.partition("\n")[0], *steps.flags)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _compile(compiler: str, archiver: str, steps: Recipe, folder: Path) -> None:
    """Compile all sources into objects in ``folder`` and archive them."""

    def object_of(source: Path) -> Path:
        target = folder / f"{source.stem}.o"
        command: Sequence[str | Path] = (
            compiler,
            *steps.flags,
            "-I",
            steps.include,
            "-c",
            source,
            "-o",
            target,
        )
        toolchain.run(command, f"compiling CMSIS-NN's {source.name}")
        return target

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        objects = list(pool.map(object_of, steps.sources))
    toolchain.run([archiver, "rcsD", folder / LIBRARY, *objects], "archiving CMSIS-NN")


def _publish(built: Path, folder: Path) -> None:
    """Give the library its final place, unless another process was first."""
    staged = built.parent / "staged"
    staged.mkdir()
    built.rename(staged / LIBRARY)
    try:
        staged.rename(folder)
    except OSError as error:
        if not (folder / LIBRARY).is_file():
            raise BuildError(f"cannot put CMSIS-NN into {folder} ({error}); remove it") from None
