"""The inputs that proofs run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tinygen.ir import Array, Graph, Tensor


def proof_inputs(graph: Graph, random_inputs: int, seed: int = 0) -> list[tuple[Array, ...]]:
    """Input sets of a proof: all minimum, all maximum, a checkerboard, then random ones.

    Float inputs, the edges of a float model, span the range of the int8 tensor behind them.
    """
    rng = np.random.default_rng(seed)
    sets: list[tuple[Array, ...]] = []
    for pattern in ("low", "high", "checkerboard", *["random"] * random_inputs):
        sets.append(tuple(_pattern(tensor, pattern, rng) for tensor in graph.inputs))
    return sets


def _pattern(tensor: Tensor, pattern: str, rng: np.random.Generator) -> Array:
    if tensor.dtype.kind == "f":
        low, high = -8.0, 8.0
        random: Array = rng.uniform(low, high, tensor.shape)
    else:
        low, high = -128, 127
        random = rng.integers(-128, 128, tensor.shape)
    values = {
        "low": np.full(tensor.shape, low),
        "high": np.full(tensor.shape, high),
        "checkerboard": np.where(np.indices(tensor.shape).sum(axis=0) % 2, low, high),
        "random": random,
    }
    return values[pattern].astype(tensor.dtype)
