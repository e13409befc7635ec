"""The benchmarks of MLPerf Tiny, and which of them a model is for.

Shapes, input formats and baud rates are those of the benchmark's rules and of its runner
(github.com/mlcommons/tiny, benchmark/evaluation/datasets and benchmark/runner).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from tinygen.errors import ConfigError

if TYPE_CHECKING:
    from tinygen.ir import Graph

Name: TypeAlias = Literal["kws", "ic", "vww", "ad"]
Mode: TypeAlias = Literal["performance", "energy"]
_FLOAT_BYTES = 4


@dataclass(frozen=True)
class Benchmark:
    """One benchmark.

    ``elements`` and ``outputs`` are those of the model, int8. The host sends int8, uint8 (``flip``
    is then 0x80, which subtracts 128) or, with ``floats``, float32, little-endian.
    """

    name: Name
    title: str
    model_id: str
    elements: int
    outputs: int
    baud: int
    flip: int = 0
    floats: bool = False

    @property
    def loaded_bytes(self) -> int:
        """Bytes that the host sends for one inference."""
        return self.elements * (_FLOAT_BYTES if self.floats else 1)

    @property
    def static_bytes(self) -> int:
        """RAM that the firmware keeps the input in."""
        return self.loaded_bytes + (self.elements if self.floats else 0)

    def baud_in(self, mode: Mode) -> int:
        """The console's speed: in energy mode, that of the runner's interface board."""
        return 9600 if mode == "energy" else self.baud


BENCHMARKS: tuple[Benchmark, ...] = (
    Benchmark("kws", "Keyword spotting", "kws01", 490, 12, 115_200),
    Benchmark("ic", "Image classification", "ic01", 3072, 10, 115_200, flip=0x80),
    Benchmark("vww", "Visual wake words", "vww01", 27_648, 2, 115_200, flip=0x80),
    Benchmark("ad", "Anomaly detection", "ad01", 640, 640, 921_600, floats=True),
)


def benchmark(name: Name) -> Benchmark:
    """The benchmark of this name."""
    return next(known for known in BENCHMARKS if known.name == name)


def choose(graph: Graph, name: Name | None = None) -> Benchmark:
    """The benchmark that a model is for, which its shapes tell.

    Raises ConfigError when that is none, or not the one that is named.
    """
    tensors = (*graph.inputs, *graph.outputs)
    plain = len(graph.inputs) == len(graph.outputs) == 1
    int8 = all(tensor.dtype == np.int8 and tensor.quantization is not None for tensor in tensors)
    sizes = tuple(tensor.size for tensor in tensors)
    candidates = BENCHMARKS if name is None else (benchmark(name),)
    for known in candidates:
        if plain and int8 and sizes == (known.elements, known.outputs):
            return known
    wanted = ", ".join(f"{b.name}: {b.elements} to {b.outputs}" for b in candidates)
    has = " and ".join(f"{t.name!r} with {t.size:,} values of {t.dtype}" for t in tensors)
    raise ConfigError(
        f"model {graph.name!r} is none for MLPerf Tiny ({wanted} values of int8), it has {has}; "
        "build it with --personality tinygen, or take the benchmark's model"
    )
