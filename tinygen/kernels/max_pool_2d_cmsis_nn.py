"""MAX_POOL_2D by CMSIS-NN. Exact: it compares the stored values under the window, then clamps."""

from __future__ import annotations

from tinygen.kernels._cmsis_nn_pooling import PoolingCmsisNN


class MaxPool2DCmsisNN(PoolingCmsisNN):
    """arm_max_pool_s8."""

    name = "max_pool_2d_cmsis_nn"
    op = "MAX_POOL_2D"
    routine = "arm_max_pool_s8"


KERNEL = MaxPool2DCmsisNN()
