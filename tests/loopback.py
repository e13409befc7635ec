"""The firmware's protocol code as a program on this machine, with sanitizers: a device for tests.

    with Loopback(build(tmp_path)) as device:
        port = serial.serial_for_url(device.url)

It runs the C of firmware/protocol with a tiny network (tests/firmware_host/network), or with any
compiled one, and survives RESET and PROVOKE_FAULT as a board does.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tinygen import firmware, paths, toolchain
from tinygen.early_exit.generate import has_exit

if TYPE_CHECKING:
    from tinygen.compiler import CompiledModel

HOST = Path(__file__).parent / "firmware_host"
BUILD_ID = bytes(range(16))
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def build(
    folder: Path,
    model: CompiledModel | None = None,
    board: str = "loopback",
    sha256: bytes = bytes(32),
) -> Path:
    """Compile the loopback device into ``folder`` and return the executable."""
    if model is None:
        binding = firmware.render_binding("network", 2, 2, board, BUILD_ID, sha256)
        network = HOST / "network"
    else:
        binding = firmware.render_binding(
            model.name,
            len(model.graph.inputs),
            len(model.graph.outputs),
            board,
            BUILD_ID,
            sha256,
            early_exit=has_exit(model),
        )
        network = folder / "network"
        network.mkdir()
        for name, text in model.files.items():
            (network / name).write_text(text)
    (folder / "model.c").write_text(binding)
    executable = folder / "loopback"
    sources = [
        *sorted((paths.FIRMWARE / "protocol").glob("*.c")),
        *sorted(HOST.glob("*.c")),
        *sorted(network.glob("*.c")),
        folder / "model.c",
    ]
    includes = [f"-I{path}" for path in (paths.FIRMWARE / "include", HOST, network)]
    command = [toolchain.host_compiler(), "-std=gnu11", "-g", "-O1", *toolchain.WARNINGS]
    toolchain.run(
        [*command, *SANITIZERS, *includes, *map(str, sources), "-o", str(executable)],
        "building the loopback device",
    )
    return executable


class Loopback:
    """A running loopback device. ``url`` is for pyserial; one connection at a time, any number."""

    def __init__(self, executable: Path) -> None:
        self._process = subprocess.Popen(
            [executable, "--listen"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = f"socket://127.0.0.1:{int(self._process.stdout.readline())}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        crashed = self._process.poll()
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        assert crashed is None, f"the loopback device ended by itself with {crashed}"
