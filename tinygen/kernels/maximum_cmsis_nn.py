"""MAXIMUM by CMSIS-NN."""

from __future__ import annotations

from tinygen.kernels._cmsis_nn_extremum import ExtremumCmsisNN


class MaximumCmsisNN(ExtremumCmsisNN):
    """arm_maximum_s8."""

    name = "maximum_cmsis_nn"
    op = "MAXIMUM"


KERNEL = MaximumCmsisNN()
