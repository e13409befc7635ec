"""Examples for proofs: seeded choices for :meth:`Operator.sample`, and inputs for a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tinygen.ir import Array, Shape, Tensor

T = TypeVar("T")


class SeededDraw:
    """Choices made by a numpy generator: the same seed gives the same choices."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def integer(self, low: int, high: int) -> int:
        """An integer in [low, high]."""
        return int(self._rng.integers(low, high + 1))

    def choice(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.integer(0, len(options) - 1)]

    def real(self, low: float, high: float) -> float:
        """A float in [low, high], rounded to float32."""
        return float(np.float32(self._rng.uniform(low, high)))

    def array(self, shape: Shape, low: int, high: int, dtype: np.dtype[Any]) -> Array:
        """An array of integers in [low, high]."""
        return self._rng.integers(low, high + 1, shape).astype(dtype)


def random_value(tensor: Tensor, rng: np.random.Generator) -> Array:
    """A value of the tensor's type, uniform over integers; floats reach beyond what int8 holds."""
    if tensor.dtype.kind == "f":
        return rng.normal(0, 10, tensor.shape).astype(tensor.dtype)
    limits = np.iinfo(tensor.dtype)
    return rng.integers(limits.min, limits.max, tensor.shape, tensor.dtype, endpoint=True)


def extreme_values(tensor: Tensor) -> tuple[Array, Array, Array]:
    """All lowest, all highest, and a checkerboard of both."""
    # Floats that saturate int8, yet whose quotient by a small scale still fits a C int.
    low, high = (-1e6, 1e6)
    if tensor.dtype.kind != "f":
        low, high = np.iinfo(tensor.dtype).min, np.iinfo(tensor.dtype).max
    board = np.indices(tensor.shape).sum(axis=0) % 2 if tensor.shape else np.array(0)
    return (
        np.full(tensor.shape, low, tensor.dtype),
        np.full(tensor.shape, high, tensor.dtype),
        np.where(board, high, low).astype(tensor.dtype),
    )


def stimuli(tensors: Sequence[Tensor], seed: int, randoms: int) -> Iterator[list[Array]]:
    """Sets of values for graph inputs: ``randoms`` random ones, then every extreme of the inputs.

    With several inputs, each extreme of one meets a rotated extreme of the next as well.
    """
    rng = np.random.default_rng(seed)
    for _ in range(randoms):
        yield [random_value(tensor, rng) for tensor in tensors]
    extremes = [extreme_values(tensor) for tensor in tensors]
    for rotation in range(2 if len(tensors) > 1 else 1):
        for index in range(3):
            yield [values[(index + i * rotation) % 3] for i, values in enumerate(extremes)]
