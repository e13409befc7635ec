"""Finding and running compilers."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from tinygen.errors import BuildError, ToolchainError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tinygen.choice.search import Objective

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Werror")


def target_flags(objective: Objective) -> tuple[str, ...]:
    """How generated C is compiled for a target, in proofs and in firmware alike.

    So the code that was proven is the code that runs.
    """
    level = "-Os" if objective == "flash" else "-O2"
    return ("-std=c11", level, "-ffunction-sections", "-fdata-sections")


def host_compiler() -> str:
    """The host's C compiler: the environment's CC, else gcc, clang or cc.

    Raises ToolchainError when there is none.
    """
    for name in (os.environ.get("CC"), "gcc", "clang", "cc"):
        found = shutil.which(name) if name else None
        if found:
            return found
    raise ToolchainError(
        "no C compiler for this machine was found, and the proof of the generated code needs one; "
        "install gcc (Debian: apt install gcc)"
    )


def arm_tool(tool: str) -> str:
    """Path of ``arm-none-eabi-<tool>``.

    Raises ToolchainError when it is not installed.
    """
    prefix = os.environ.get("TINYGEN_GCC_PREFIX", "arm-none-eabi-")
    found = shutil.which(prefix + tool)
    if found:
        return found
    raise ToolchainError(
        f"{prefix}{tool} was not found on PATH; install the Arm toolchain "
        "(Debian: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi)"
    )


def run(command: Sequence[str | Path], what: str, cwd: Path | None = None) -> None:
    """Run a compiler.

    Raises BuildError with the first error line when it fails.
    """
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        first = next(
            (line for line in lines if "error" in line), lines[0] if lines else "no output"
        )
        raise BuildError(f"{what} failed with: {first.strip()}")
