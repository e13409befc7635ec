"""HARD_SWISH by table; :mod:`tinygen.kernels._lookup` says why it is exact."""

from __future__ import annotations

from tinygen.kernels._lookup import LookupKernel


class HardSwishPortable(LookupKernel):
    """Hard swish, one load per element."""

    name = "hard_swish_portable"
    op = "HARD_SWISH"


KERNEL = HardSwishPortable()
