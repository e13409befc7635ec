"""TANH by table; :mod:`tinygen.kernels._lookup` says why it is exact."""

from __future__ import annotations

from tinygen.kernels._lookup import LookupKernel


class TanhPortable(LookupKernel):
    """Hyperbolic tangent, one load per element."""

    name = "tanh_portable"
    op = "TANH"


KERNEL = TanhPortable()
