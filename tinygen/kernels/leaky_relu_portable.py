"""LEAKY_RELU by table; :mod:`tinygen.kernels._lookup` says why it is exact."""

from __future__ import annotations

from tinygen.kernels._lookup import LookupKernel


class LeakyReluPortable(LookupKernel):
    """Leaky ReLU, one load per element."""

    name = "leaky_relu_portable"
    op = "LEAKY_RELU"


KERNEL = LeakyReluPortable()
