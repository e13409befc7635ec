"""MAXIMUM in plain C.

Exact: stored values are compared, as in the definition. :mod:`tinygen.kernels._broadcast` says how
the output may lie over the inputs.
"""

from __future__ import annotations

from tinygen.kernels._extremum import ExtremumPortable


class MaximumPortable(ExtremumPortable):
    """The larger one of two loads per element."""

    name = "maximum_portable"
    op = "MAXIMUM"
    comparison = ">"


KERNEL = MaximumPortable()
