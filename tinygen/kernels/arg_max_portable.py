"""ARG_MAX in plain C.

Exact: a later value replaces the best one only where it is larger, as in the definition.

The output may lie over the input where the axis is the last one and has at least 4 elements:
index k, bytes 4k to 4k + 3, is written after row k, bytes up to ``4k + 4`` at least, is read.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinygen.kernels._moves import by
from tinygen.kernels.base import Implementation, Kernel, Overlap, input_, output
from tinygen.ops.arg_max import axis

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class ArgMaxPortable(Kernel):
    """One pass over the axis per output."""

    name = "arg_max_portable"
    provider = "tinygen"
    op = "ARG_MAX"

    def implement(self, node: Node, core: Core) -> Implementation:
        shape, along = node.input(0).shape, axis(node)
        length, inner = shape[along], math.prod(shape[along + 1 :])
        return Implementation(
            kernel=self,
            params={
                "outer": math.prod(shape[:along]),
                "length": length,
                "inner": inner,
                "shape": shape,
                "axis": along,
            },
            label=f"{by(shape)}_axis_{along}",
            arguments=(input_(), output()),
            overlaps=(Overlap(),) if inner == 1 and length >= 4 else (),
            cycles=6.0 * node.input(0).size,
            includes=(),
        )


KERNEL = ArgMaxPortable()
