"""TABLE by its table; :mod:`tinygen.kernels._lookup` says why it is exact."""

from __future__ import annotations

from tinygen.kernels._lookup import LookupKernel


class TablePortable(LookupKernel):
    """Any function of one value, one load per element."""

    name = "table_portable"
    op = "TABLE"


KERNEL = TablePortable()
