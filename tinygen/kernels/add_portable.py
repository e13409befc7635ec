"""ADD in plain C; see :mod:`tinygen.kernels._sum`."""

from __future__ import annotations

from tinygen.kernels._sum import SumPortable


class AddPortable(SumPortable):
    """The sum of two rescaled loads per element."""

    name = "add_portable"
    op = "ADD"
    sign = "+"
    title = "Sum"


KERNEL = AddPortable()
