"""Where the device leaves the reference: the first layer that differs, and its tensor."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tinygen import output, passes, reference

if TYPE_CHECKING:
    from pathlib import Path

    from tinygen.data import Samples
    from tinygen.device.session import Session
    from tinygen.ir import Array, Graph

FILE_NAME = "first-difference.npz"


@dataclass(frozen=True, eq=False)
class Difference:
    """The first wrong sample, its first layer that differs, and both outputs of that layer.

    ``layer`` and the outputs are None where every layer on its own is right. ``file`` is where the
    outputs were saved.
    """

    sample: int
    layer: str | None = None
    device: Array | None = None
    expected: Array | None = None
    file: Path | None = None

    def __str__(self) -> str:
        if self.layer is None or self.device is None or self.expected is None:
            return f"sample {self.sample}, though every layer on its own is right"
        wrong = np.argwhere(self.device != self.expected)
        saved = f"; both tensors are in {self.file}" if self.file else ""
        if not len(wrong):
            # The hash was another a moment ago, so it is not the arithmetic.
            return f"sample {self.sample} first in layer {self.layer!r}, but not every time{saved}"
        first = tuple(int(axis) for axis in wrong[0])
        return (
            f"sample {self.sample} first in layer {self.layer!r}, in {len(wrong)} of "
            f"{self.expected.size} values, as at {list(first)}: {self.device[first]}, "
            f"not {self.expected[first]}{saved}"
        )

    def saved(self, path: Path) -> Difference:
        """Writes the outputs, as ``device`` and ``expected``, into a .npz file."""
        if self.device is None or self.expected is None:
            return self
        content = io.BytesIO()
        np.savez(content, device=self.device, expected=self.expected)
        output.write_bytes(path, content.getvalue())
        return replace(self, file=path)


def find(session: Session, graph: Graph, samples: Samples, index: int) -> Difference:
    """Runs a sample again, layer by layer, and reads what the first wrong layer has written.

    Raises DeviceError when the device fails.
    """
    compiled = passes.apply(graph)
    values = reference.run(compiled, [array[index] for array in samples.inputs])
    expected = {node.name: values[node.output] for node in compiled.nodes}
    raw = samples.raw(index)
    for number, (layer, checksum) in enumerate(
        zip(session.layers(), session.layer_hashes(raw), strict=True)
    ):
        wanted = expected.get(layer.name)
        if wanted is None or zlib.crc32(wanted.tobytes()) == checksum:
            continue
        got = np.frombuffer(session.layer_output(raw, number), wanted.dtype)
        if got.size != wanted.size:  # stored in another format there
            wanted = np.frombuffer(wanted.tobytes(), np.uint8)
            got = np.frombuffer(got.tobytes(), np.uint8)
        return Difference(index, layer.name, got.reshape(wanted.shape), wanted)
    return Difference(index)
