"""SPLIT in plain C.

Exact: bytes are copied. In front of the axis lie ``outer`` rows; row k of the input is row k of
every output, one after the other. Every output may lie over the input: the input is read in rising
order, and byte j of row k of output i, which lies at ``k * length + j``, is a copy of input byte
``(k * outputs + i) * length + j``. With ``output_i <= input + i * length`` nothing is written
behind the byte that has just been read, whichever output it goes to.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinygen.kernels._moves import SHORTEST_BLOCK, by
from tinygen.kernels.base import Implementation, Kernel, Overlap, input_, output
from tinygen.ops.split import axis

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class SplitPortable(Kernel):
    """Row by row, one block per output."""

    name = "split_portable"
    provider = "tinygen"
    op = "SPLIT"

    def implement(self, node: Node, core: Core) -> Implementation:
        parts, shape = len(node.outputs), node.output.shape
        outer, length = math.prod(shape[: axis(node)]), math.prod(shape[axis(node) :])
        return Implementation(
            kernel=self,
            params={
                "outer": outer,
                "parts": parts,
                "length": length,
                "shortest": SHORTEST_BLOCK,
                "axis": axis(node),
            },
            label=f"{by(node.input(1).shape)}_by_{parts}",
            arguments=(input_(1), *map(output, range(parts))),
            overlaps=tuple(Overlap(input=1, output=i, distance=-i * length) for i in range(parts)),
            cycles=outer * parts * (20.0 + length / 2),
            includes=("<string.h>",),
        )


KERNEL = SplitPortable()
