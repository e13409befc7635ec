"""SUB in plain C; see :mod:`tinygen.kernels._sum`."""

from __future__ import annotations

from tinygen.kernels._sum import SumPortable


class SubPortable(SumPortable):
    """The difference of two rescaled loads per element."""

    name = "sub_portable"
    op = "SUB"
    sign = "-"
    title = "Difference"


KERNEL = SubPortable()
