"""What this machine has of everything tinygen can use, and how to get what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from tinygen import deps, paths, toolchain
from tinygen.errors import TinygenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SECONDS = 10


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    ``needed`` marks what compiling and testing on emulated boards cannot do without. ``detail`` is
    a version or a place, or for something missing what to do.
    """

    name: str
    present: bool
    needed: bool
    detail: str


def examine() -> list[Finding]:
    """Look for compilers, emulators, Python packages, CMSIS-NN, the cache and serial ports."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _tools,
        _packages,
        _cmsis_nn,
        _cache,
        _ports,
    )
    return [finding for check in checks for finding in check()]


def _tools() -> Iterator[Finding]:
    for name, find in (
        ("host compiler", toolchain.host_compiler),
        ("Arm compiler", lambda: toolchain.arm_tool("gcc")),
    ):
        try:
            yield _version(name, find(), needed=True)
        except TinygenError as error:
            yield Finding(name, False, True, str(error))
    for name in ("qemu-system-arm", "openocd"):
        path = shutil.which(name)
        if path is None:
            yield Finding(name, False, False, f"not on PATH; Debian: apt install {name}")
        else:
            yield _version(name, path, needed=False)


def _version(name: str, path: str, *, needed: bool) -> Finding:
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(name, False, needed, f"{path} does not run ({error}); reinstall it")
    lines = (done.stdout or done.stderr).strip().splitlines()
    if done.returncode != 0 or not lines:
        return Finding(name, False, needed, f"{path} --version fails; reinstall it")
    return Finding(name, True, needed, f"{lines[0]} ({path})")


def _packages() -> Iterator[Finding]:
    for name, needed, extra in (
        ("platformio", True, None),
        ("unicorn", True, None),
        ("ortools", True, None),
        ("tflite-micro", False, "verify"),
        ("tensorflow-cpu", False, "train"),
        ("keras", False, "train"),
        ("pyocd", False, "flash"),
    ):
        try:
            yield Finding(name, True, needed, metadata.version(name))
        except metadata.PackageNotFoundError:
            wanted = name if extra is None else f"'tinygen[{extra}]'"
            yield Finding(name, False, needed, f"not installed; pip install {wanted}")


def _cmsis_nn() -> Iterator[Finding]:
    try:
        found = deps.cmsis_nn()
    except TinygenError as error:
        yield Finding("cmsis-nn", False, False, str(error))
        return
    if found is None:
        yield Finding(
            "cmsis-nn", False, False, "not installed; run 'tinygen deps install cmsis-nn'"
        )
    else:
        note = "" if found.pinned else ", not the pinned version"
        yield Finding("cmsis-nn", True, False, f"{found.commit}{note} ({found.root})")


def _cache() -> Iterator[Finding]:
    folder = paths.cache_dir()
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    writable = existing.is_dir() and os.access(existing, os.W_OK)
    advice = "" if writable else " is not writable; set TINYGEN_CACHE to another folder"
    yield Finding("cache", writable, True, f"{folder}{advice}")


def _ports() -> Iterator[Finding]:
    from serial.tools import list_ports

    for port in sorted(list_ports.comports()):
        if port.vid is not None:
            usable = os.access(port.device, os.R_OK | os.W_OK)
            advice = "" if usable else ", but you may not open it; join the group dialout"
            yield Finding(
                f"port {port.device}",
                usable,
                False,
                f"{port.description} [{port.vid:04x}:{port.pid:04x}]{advice}",
            )
