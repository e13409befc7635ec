"""RESHAPE in plain C, where it cannot be left out.

The bytes stay as they are: with the output where the input was, no code is needed. Otherwise they
are moved as one block, which is right however both lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels.base import Implementation, Kernel, Overlap, input_, output

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class ReshapePortable(Kernel):
    """One block, or nothing."""

    name = "reshape_portable"
    provider = "tinygen"
    op = "RESHAPE"

    def implement(self, node: Node, core: Core) -> Implementation:
        nbytes = node.output.nbytes
        return Implementation(
            kernel=self,
            params={"nbytes": nbytes},
            label=str(nbytes),
            arguments=(input_(), output()),
            overlaps=(Overlap(),),
            cycles=20.0 + nbytes / 2,
            code_bytes=20,
            elides=True,
            includes=("<string.h>",),
        )


KERNEL = ReshapePortable()
