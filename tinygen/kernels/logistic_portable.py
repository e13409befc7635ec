"""LOGISTIC by table; :mod:`tinygen.kernels._lookup` says why it is exact."""

from __future__ import annotations

from tinygen.kernels._lookup import LookupKernel


class LogisticPortable(LookupKernel):
    """Logistic function, one load per element."""

    name = "logistic_portable"
    op = "LOGISTIC"


KERNEL = LogisticPortable()
