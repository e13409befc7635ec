"""SOFTMAX in plain C, for every shape and every core.

Exact: the exponentials of all 256 differences to the maximum are a table of the definition's own
values; sum, reciprocal and products are its arithmetic. Table entries below 2**11 are left out:
they round to 0 in the sum, where they are shifted right by 12, and in the output, where they are
multiplied by a factor below 1 and shifted right by at least 23.

The row is read again, element by element, before each output is written, and rows follow each
other, so the output may lie over the input at distance 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.fixed_point import constant as fixed_point
from tinygen.kernels.base import (
    Constant,
    Implementation,
    Kernel,
    Overlap,
    constant,
    input_,
    output,
)
from tinygen.ops.softmax import SUM_BITS, exponentials

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node

# With fewer values the sum stays below 2**9, and the right shift of an output below 32.
ALWAYS_SHIFTABLE = 511


class SoftmaxPortable(Kernel):
    """Three passes over each row: maximum, sum, outputs."""

    name = "softmax_portable"
    provider = "tinygen"
    op = "SOFTMAX"

    def implement(self, node: Node, core: Core) -> Implementation:
        depth = node.input(0).shape[-1]
        table = exponentials(node)
        table = table[: int(np.flatnonzero(table >= 1 << (SUM_BITS - 1))[-1]) + 1]
        return Implementation(
            kernel=self,
            params={
                "rows": node.output.size // depth,
                "depth": depth,
                "entries": table.size,
                "sum_bits": SUM_BITS,
                "check_shift": depth > ALWAYS_SHIFTABLE,
                "offset": fixed_point(48 / 17, 2),
                "slope": fixed_point(-32 / 17, 2),
            },
            label=str(depth),
            arguments=(input_(), output(), constant("exponentials")),
            constants=(
                Constant(
                    "exponentials", table.astype(np.int32), "exp(-i * beta * scale), Q0.31", "table"
                ),
            ),
            overlaps=(Overlap(),),
            cycles=node.output.size * 40.0 + 200.0,
            code_bytes=360,
        )


KERNEL = SoftmaxPortable()
