"""Loops over the output of a node with two inputs that broadcast, with constant bounds.

Axes of length 1 are dropped, and neighbouring axes that both inputs step through as one are
joined, so that inputs of equal shapes give a single loop. An input that is broadcast along an
axis has step 0 there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels._moves import dense_steps, index_expression, slide

if TYPE_CHECKING:
    from tinygen.ir import Array, Node, Shape
    from tinygen.kernels.base import Overlap


@dataclass(frozen=True)
class Broadcast:
    """Nested loops, outermost first: how often each runs, and each input's step in elements."""

    counts: tuple[int, ...]
    steps: tuple[tuple[int, ...], tuple[int, ...]]

    @classmethod
    def of(cls, node: Node) -> Broadcast:
        """The loops over the output of a node that broadcasts inputs 0 and 1."""
        shape = node.output.shape
        loops: list[tuple[int, int, int]] = []
        steps = (_steps(node.input(0).shape, shape), _steps(node.input(1).shape, shape))
        for count, a, b in zip(shape, *steps, strict=True):
            if count == 1:
                continue
            if loops and loops[-1][1:] == (count * a, count * b):
                loops[-1] = (loops[-1][0] * count, a, b)
            else:
                loops.append((count, a, b))
        return cls(
            tuple(count for count, _, _ in loops),
            (tuple(a for _, a, _ in loops), tuple(b for _, _, b in loops)),
        )

    @property
    def indices(self) -> tuple[str, str]:
        """The C expressions of both inputs' elements, loop variables being i0, i1 ..."""
        return index_expression(self.steps[0]), index_expression(self.steps[1])

    def overlaps(self, node: Node) -> tuple[Overlap, ...]:
        """How an int8 output may lie over either int8 input; see :func:`slide`.

        Output elements are written in rising order, each after both inputs' elements are read.
        """
        return tuple(
            overlap
            for index in range(2)
            if not node.input(index).is_constant
            for overlap in slide(self._sources(index), input_index=index)
        )

    def _sources(self, index: int) -> Array:
        found = np.zeros(1, np.int64)
        for count, step in zip(self.counts, self.steps[index], strict=True):
            found = (found[:, None] + step * np.arange(count)).reshape(-1)
        return found


def _steps(shape: Shape, output: Shape) -> tuple[int, ...]:
    """Steps of an input along the output's axes, 0 where it is broadcast."""
    full = (1,) * (len(output) - len(shape)) + shape
    return tuple(
        0 if size == 1 else step for size, step in zip(full, dense_steps(full), strict=True)
    )
