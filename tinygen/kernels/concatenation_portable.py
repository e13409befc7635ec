"""CONCATENATION in plain C.

Exact: bytes are copied. In front of the axis lie ``outer`` rows; row k of the output is row k of
every input, one after the other. The output may lie in front of an input at a distance. Rows are
written in rising order, and when input i is copied for row k, the output is written up to
``k * row + offset_i``, while from that input rows k and up are still to be read; when row k is
complete, rows k + 1 and up are. So ``output + k * row + offset_i <= input_i + k * length_i`` must
hold for every k, which is strictest for the last one, and implies the second condition. The copy
of one row reads it as a whole before it writes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinygen.kernels._moves import SHORTEST_BLOCK, by
from tinygen.kernels.base import Implementation, Kernel, Overlap, input_, output

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class ConcatenationPortable(Kernel):
    """Row by row, one block per input."""

    name = "concatenation_portable"
    provider = "tinygen"
    op = "CONCATENATION"

    def implement(self, node: Node, core: Core) -> Implementation:
        shape = node.output.shape
        axis = node.options.axis % len(shape)
        outer, row = math.prod(shape[:axis]), math.prod(shape[axis:])
        lengths = tuple(node.input(i).size // outer for i in range(len(node.inputs)))
        offsets = tuple(sum(lengths[:i]) for i in range(len(lengths)))
        return Implementation(
            kernel=self,
            params={
                "outer": outer,
                "row": row,
                "lengths": lengths,
                "offsets": offsets,
                "shortest": SHORTEST_BLOCK,
                "axis": axis,
            },
            label=f"{len(lengths)}_to_{by(shape)}",
            arguments=(*map(input_, range(len(lengths))), output()),
            overlaps=tuple(
                Overlap(input=i, distance=(outer - 1) * (row - length) + offset)
                for i, (length, offset) in enumerate(zip(lengths, offsets, strict=True))
            ),
            cycles=outer * sum(20.0 + length / 2 for length in lengths),
            includes=("<string.h>",),
        )


KERNEL = ConcatenationPortable()
