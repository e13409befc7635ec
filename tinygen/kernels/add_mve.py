"""ADD of two inputs of one shape on Helium; exact as :mod:`._sum_mve` shows."""

from __future__ import annotations

from tinygen.kernels._sum_mve import SumMve


class AddMve(SumMve):
    """Sums in vectors of four."""

    name = "add_mve"
    op = "ADD"
    title = "Sum"


KERNEL = AddMve()
