"""CONV_2D by CMSIS-NN.

Exact: its routines add the same products in 32 bits, in another order, where no partial sum can
overflow, and requantize with the two roundings of the profile. The output never lies over the
input, since later outputs read input values again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels._cmsis_nn_convolution import Convolution
from tinygen.kernels.base import Implementation, Kernel
from tinygen.ops.conv_2d import requantization, window

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class Conv2DCmsisNN(Kernel):
    """The routine that arm_convolve_wrapper_s8 would choose, where that one is right."""

    name = "conv_2d_cmsis_nn"
    provider = "cmsis_nn"
    op = "CONV_2D"

    def refusal(self, node: Node, core: Core) -> str | None:
        return self._convolution(node).refusal()

    def implement(self, node: Node, core: Core) -> Implementation:
        return self._convolution(node).implementation(self, core)

    def _convolution(self, node: Node) -> Convolution:
        weights = node.input(1).constant
        return Convolution.of(node, weights, requantization(node, len(weights)), window(node))


KERNEL = Conv2DCmsisNN()
