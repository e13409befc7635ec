"""Sources of choices for :meth:`tinygen.ops.base.Operator.sample`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import hypothesis.strategies as st
import numpy as np

from tinygen.ir import Array, Shape

T = TypeVar("T")


class HypothesisDraw:
    """Choices made, and shrunk, by hypothesis."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def integer(self, low: int, high: int) -> int:
        return self._data.draw(st.integers(low, high))

    def choice(self, options: Sequence[T]) -> T:
        return self._data.draw(st.sampled_from(list(options)))

    def real(self, low: float, high: float) -> float:
        return self._data.draw(st.floats(float(np.float32(low)), float(np.float32(high)), width=32))

    def array(self, shape: Shape, low: int, high: int, dtype: np.dtype[Any]) -> Array:
        seed = self._data.draw(st.integers(0, 2**32 - 1))
        return np.random.default_rng(seed).integers(low, high + 1, shape).astype(dtype)
