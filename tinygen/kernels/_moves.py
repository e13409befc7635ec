"""What the kernels that move data share: loops over a box of bytes, with constant bounds.

A move copies a box of int8 elements in the order of the output. Axes of length 1 are dropped,
neighbouring axes that both sides step through as one are joined, and a last axis that both sides
hold densely becomes one block copy. Exact: bytes are copied, each from where the operator's
definition takes it.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels.base import Implementation, Kernel, Overlap, input_, output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.cores import Core
    from tinygen.ir import Array, Node, Shape

# A shorter run is copied byte by byte, which costs less than the call.
SHORTEST_BLOCK = 8


@dataclass(frozen=True)
class Move:
    """Nested loops, outermost first, around the copy of ``block`` neighbouring bytes.

    ``counts`` and ``steps`` belong to the loops: how often each runs, and how far apart its bytes
    lie in the input, which is first read at ``start``. The output is written densely.
    """

    counts: tuple[int, ...]
    steps: tuple[int, ...]
    start: int
    block: int

    @classmethod
    def of(cls, counts: Sequence[int], steps: Sequence[int], start: int = 0) -> Move:
        """The shortest loops over a box of this shape, whose input is read with these steps."""
        loops: list[tuple[int, int]] = []
        for count, step in zip(counts, steps, strict=True):
            if count == 1:
                continue
            if loops and loops[-1][1] == count * step:
                loops[-1] = (loops[-1][0] * count, step)
            else:
                loops.append((count, step))
        block = 1
        if loops and loops[-1][1] == 1 and loops[-1][0] >= SHORTEST_BLOCK:
            block = loops.pop()[0]
        return cls(tuple(n for n, _ in loops), tuple(step for _, step in loops), start, block)

    def sources(self) -> Array:
        """Which input byte each output byte is a copy of."""
        found = np.array([self.start])
        for count, step in (*zip(self.counts, self.steps, strict=True), (self.block, 1)):
            found = (found[:, None] + step * np.arange(count)).reshape(-1)
        return found

    @property
    def index(self) -> str:
        """The C expression of the input byte that is read, loop variables being i0, i1 ..."""
        return index_expression(self.steps, self.start)

    @property
    def is_identity(self) -> bool:
        """Whether this reads neighbouring bytes from the first one on."""
        return self.start == 0 and self.steps in ((), (1,))

    @property
    def cycles(self) -> float:
        """Estimated cycles."""
        steps = float(np.prod(self.counts))
        return steps * (5.0 if self.block == 1 else 20.0 + self.block / 2)


def dense_steps(shape: Shape) -> tuple[int, ...]:
    """How far apart neighbours along each axis of a densely stored tensor lie."""
    return tuple(int(np.prod(shape[axis + 1 :])) for axis in range(len(shape)))


def index_expression(steps: Sequence[int], start: int = 0) -> str:
    """The C expression of ``start + i0 * steps[0] + i1 * steps[1] ...``."""
    terms = [str(start)] if start or not any(steps) else []
    for number, step in enumerate(steps):
        if step:
            sign = "- " if step < 0 else "+ " if terms else ""
            factor = f" * {abs(step)}" if abs(step) != 1 else ""
            terms.append(f"{sign}i{number}{factor}")
    return " ".join(terms)


def slide(sources: Array, input_index: int = 0) -> tuple[Overlap, ...]:
    """How an int8 output may lie over an int8 input, element i needing input ``sources[i]``.

    The kernel writes output bytes in rising order, and has read what each needs by then. Byte i
    of the output must not lie on an input byte that is read later: ``output + i + 1`` may not
    exceed ``input + sources[j]`` for any ``j > i``, so the distance is the largest
    ``i + 1 - sources[j]``. A block is read as a whole before it is written, which only reads
    earlier. A distance of the whole output is no overlap.
    """
    count = sources.size
    if count < 2:
        return (Overlap(input=input_index),)
    lowest_later = np.minimum.accumulate(sources[::-1])[::-1][1:]
    distance = int((np.arange(1, count) - lowest_later).max())
    return (Overlap(input=input_index, distance=distance),) if distance < count else ()


class MoveKernel(Kernel):
    """A kernel that is one move; the overlap is computed from it, see :func:`slide`."""

    provider = "tinygen"

    @abstractmethod
    def move(self, node: Node) -> Move:
        """The loops for a node."""

    def implement(self, node: Node, core: Core) -> Implementation:
        move = self.move(node)
        return Implementation(
            kernel=self,
            params={
                "counts": move.counts,
                "index": move.index,
                "block": move.block,
                "in_shape": node.input(0).shape,
                "out_shape": node.output.shape,
            },
            label=f"{by(node.input(0).shape)}_to_{by(node.output.shape)}",
            arguments=(input_(), output()),
            overlaps=slide(move.sources()),
            cycles=move.cycles,
            code_bytes=40,
            elides=move.is_identity and node.input(0).size == node.output.size,
            includes=("<string.h>",),
        )


def by(shape: Shape) -> str:
    """A shape as part of a C name."""
    return "x".join(map(str, shape)) or "1"
