"""RELU6 by table; :mod:`tinygen.kernels._lookup` says why it is exact."""

from __future__ import annotations

from tinygen.kernels._lookup import LookupKernel


class Relu6Portable(LookupKernel):
    """ReLU6, one load per element."""

    name = "relu6_portable"
    op = "RELU6"


KERNEL = Relu6Portable()
