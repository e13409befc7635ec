"""RELU by table; :mod:`tinygen.kernels._lookup` says why it is exact."""

from __future__ import annotations

from tinygen.kernels._lookup import LookupKernel


class ReluPortable(LookupKernel):
    """ReLU, one load per element."""

    name = "relu_portable"
    op = "RELU"


KERNEL = ReluPortable()
