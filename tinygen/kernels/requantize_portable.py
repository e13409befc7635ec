"""QUANTIZE from int8 to int8 by table; :mod:`tinygen.kernels._lookup` says why it is exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels._lookup import LookupKernel
from tinygen.ops.base import INT8

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class RequantizePortable(LookupKernel):
    """Requantization, one load per element."""

    name = "requantize_portable"
    op = "QUANTIZE"

    def refusal(self, node: Node, core: Core) -> str | None:
        if node.input(0).dtype != INT8:
            return "the input is not int8"
        return None


KERNEL = RequantizePortable()
