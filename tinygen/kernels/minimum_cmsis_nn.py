"""MINIMUM by CMSIS-NN."""

from __future__ import annotations

from tinygen.kernels._cmsis_nn_extremum import ExtremumCmsisNN


class MinimumCmsisNN(ExtremumCmsisNN):
    """arm_minimum_s8."""

    name = "minimum_cmsis_nn"
    op = "MINIMUM"


KERNEL = MinimumCmsisNN()
