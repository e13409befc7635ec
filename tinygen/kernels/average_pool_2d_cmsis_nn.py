"""AVERAGE_POOL_2D by CMSIS-NN.

Exact: it sums the values under the window and divides as the operator is defined, away from zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels._cmsis_nn_pooling import PoolingCmsisNN

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class AveragePool2DCmsisNN(PoolingCmsisNN):
    """arm_avgpool_s8."""

    name = "average_pool_2d_cmsis_nn"
    op = "AVERAGE_POOL_2D"
    routine = "arm_avgpool_s8"

    def scratch_bytes(self, node: Node, core: Core) -> int:
        """With DSP instructions one int32 sum per channel; Helium keeps the sums in registers."""
        return 4 * node.output.shape[3] if core.dsp and not core.mve else 0


KERNEL = AveragePool2DCmsisNN()
