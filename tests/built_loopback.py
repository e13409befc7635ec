"""A folder as ``tinygen build`` leaves it, and a device on this machine that runs its model."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

import loopback
from report.sample import SAMPLE
from tiny_models import two_convs

from tinygen import built, compiler, cores
from tinygen.frontend import tflite
from tinygen.tflite_format.writer import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODEL = write(two_convs())
SHA256 = hashlib.sha256(MODEL).digest()
GRAPH = tflite.read(MODEL, "model")
LAYERS = tuple(
    layer.model_copy(update={"name": node.name, "op": node.op})
    for layer, node in zip(SAMPLE.layers, GRAPH.nodes, strict=True)
)
REPORT = SAMPLE.updated(
    model=SAMPLE.model.model_copy(update={"sha256": SHA256.hex()}),
    build_id=loopback.BUILD_ID.hex(),
    layers=LAYERS,
)


def folder(path: Path) -> Path:
    """What a build leaves behind in the folder, but for code that would run on a board."""
    built.write(path, MODEL, REPORT)
    elf = path / ".pio" / "build" / "nucleo_f746zg" / "firmware.elf"
    elf.parent.mkdir(parents=True)
    elf.touch()
    return path


@contextlib.contextmanager
def device(path: Path) -> Iterator[str]:
    """The URL of a device, built in a folder, that runs the model."""
    compiled = compiler.compile_graph(GRAPH, cores.core("cortex-m3"), kernels="tinygen")
    with loopback.Loopback(loopback.build(path, compiled, sha256=SHA256)) as running:
        yield running.url
