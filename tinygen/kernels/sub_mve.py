"""SUB of two inputs of one shape on Helium; exact as :mod:`._sum_mve` shows."""

from __future__ import annotations

from tinygen.kernels._sum_mve import SumMve


class SubMve(SumMve):
    """Differences in vectors of four."""

    name = "sub_mve"
    op = "SUB"
    title = "Difference"


KERNEL = SubMve()
