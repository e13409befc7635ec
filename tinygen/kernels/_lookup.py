"""What the kernels of operators on single int8 values share: a table of all 256 answers.

Exact: the table is computed by the operator's definition, and holds every value there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels.base import (
    Constant,
    Implementation,
    Kernel,
    Overlap,
    constant,
    input_,
    output,
)
from tinygen.ops.lookup import table

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class LookupKernel(Kernel):
    """One load from the table per element.

    The output may lie over the input, or in front of it: element i is read before output i is
    written, and at ``output <= input`` output i lies on no input element behind i.
    """

    provider = "tinygen"

    def implement(self, node: Node, core: Core) -> Implementation:
        count = node.output.size
        return Implementation(
            kernel=self,
            params={"count": count},
            label=str(count),
            arguments=(input_(), output(), constant("table")),
            constants=(
                Constant("table", table(node), "outputs, by the input's byte", counts_as="table"),
            ),
            overlaps=(Overlap(),),
            cycles=5.0 * count + 10.0,
            code_bytes=24,
            includes=(),
        )
