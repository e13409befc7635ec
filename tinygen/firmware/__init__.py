"""From a compiled network to a firmware image for a board.

A firmware is a PlatformIO project that needs nothing but itself. It is built by the same
``pio run`` that a person would type in its folder.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from typing import TYPE_CHECKING

from tinygen import toolchain
from tinygen.early_exit.generate import has_exit
from tinygen.errors import BudgetError, BuildError, ConfigError, DeviceError
from tinygen.firmware import platformio, project
from tinygen.firmware.copies import NONE, Copies
from tinygen.firmware.image import FirmwareImage, measure
from tinygen.firmware.personality import TINYGEN, Personality
from tinygen.firmware.placement import STACK_BYTES, Placement, place
from tinygen.firmware.project import render_binding

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tinygen.boards import Board
    from tinygen.compiler import CompiledModel

__all__ = [
    "NONE",
    "STACK_BYTES",
    "TINYGEN",
    "Copies",
    "FirmwareImage",
    "Personality",
    "Placement",
    "build",
    "place",
    "render_binding",
    "upload",
]

_BUILD_ID_BYTES = 16
# What a compiler, the linker and SCons say first; not the "collect2: error" that sums it up.
_CAUSE = re.compile(r"(?<!collect2): (fatal )?error:|undefined reference|/ld: |^\*\*\* |^Error")
_OVERFLOW = re.compile(r"region `(\w+)' overflowed by (\d+) bytes")


def build(
    compiled: CompiledModel,
    board: Board,
    folder: Path,
    model_sha256: bytes,
    *,
    stack_bytes: int = STACK_BYTES,
    personality: Personality = TINYGEN,
    copies: Copies = NONE,
) -> FirmwareImage:
    """Write the PlatformIO project of a network into a folder and build it.

    ``model_sha256`` identifies the model file to the host; ``copies`` go to fast memory. The same
    arguments and tools give the same image, whatever the folder.

    Raises BudgetError when the network does not fit into the board, ToolchainError when a tool is
    missing, BuildError when the build fails or the stack might not suffice.
    """
    compiler = toolchain.arm_tool("gcc")
    files = project.files(compiled, board, stack_bytes, personality, copies)
    build_id = _build_id(files, compiler, model_sha256)
    files["src/model.c"] = project.render_binding(
        compiled.name,
        len(compiled.graph.inputs),
        len(compiled.graph.outputs),
        board.name,
        build_id,
        model_sha256,
        early_exit=has_exit(compiled),
    ).encode()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    platformio.prepare(folder)
    done = platformio.run(folder)
    if done.returncode:
        raise _failure(done.stdout, board)
    image = measure(folder, board, build_id, stack_bytes, compiled.name)
    if image.stack_bound is not None and image.stack_bound > stack_bytes:
        raise BuildError(
            f"the firmware for {board.name} may take {image.stack_bound} bytes of stack, and "
            f"{stack_bytes} are reserved for it; take other kernels (--kernels, --objective)"
        )
    return image


def upload(
    folder: Path,
    *,
    protocol: str | None = None,
    port: str | None = None,
    timeout: float | None = None,
) -> None:
    """Flash the image that was built in a folder, with the tool's output on the terminal.

    ``protocol`` is one of the board's (openocd, pyocd, mass_storage), by default its first;
    ``port`` a probe or a drive where there are several; ``timeout`` is in seconds.

    Raises ConfigError when there is no image in the folder, DeviceError when flashing fails.
    """
    if not list(folder.glob(".pio/build/*/firmware.bin")):
        raise ConfigError(f"{folder} holds no firmware image; run 'tinygen build' first")
    settings = {"TINYGEN_UPLOAD_PROTOCOL": protocol} if protocol else {}
    # PlatformIO throws the output away when the folder was moved or edited, so this may build it
    # again; the same sources give the same image.
    arguments = ["--target", "upload"]
    if port:
        arguments += ["--upload-port", port]
    try:
        done = platformio.run(folder, arguments, extra=settings, to_terminal=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise DeviceError(
            f"flashing {folder} took more than {timeout:g} s; see that the probe is plugged in, or "
            "allow it more"
        ) from None
    if done.returncode:
        raise DeviceError(
            f"flashing {folder} failed with code {done.returncode}; the lines above say why"
        )


def _build_id(files: Mapping[str, bytes], compiler: str, model_sha256: bytes) -> bytes:
    """A hash of everything that makes the image what it is: sources, compiler, model."""
    version = subprocess.run([compiler, "--version"], capture_output=True, check=False)
    digest = hashlib.sha256(model_sha256 + version.stdout)
    for name in sorted(files):
        digest.update(f"\0{name}\0{len(files[name])}\0".encode() + files[name])
    return digest.digest()[:_BUILD_ID_BYTES]


def _failure(log: str, board: Board) -> BuildError | BudgetError:
    overflows = _OVERFLOW.findall(log)
    if overflows:
        regions = {region.name: region for region in board.memory}
        needs = (
            f"{regions[name].bytes + int(over):,} bytes of {name}, where it has "
            f"{regions[name].bytes:,}"
            for name, over in overflows
        )
        return BudgetError(
            f"the firmware does not fit into {board.name}: it needs {' and '.join(needs)}; "
            "take a smaller model or a larger board"
        )
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    telling = (line for line in lines if _CAUSE.search(line))
    first = next(telling, lines[-1] if lines else "no output")
    handle, path = tempfile.mkstemp(prefix=f"tinygen-{board.name}-", suffix=".log")
    with os.fdopen(handle, "w") as file:
        file.write(log)
    return BuildError(f"building the firmware for {board.name} failed: {first} (log: {path})")
