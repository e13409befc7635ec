"""Bytes of code that CMSIS-NN's routines bring in, for choosing between kernels.

Measured with gcc 12.2 and the flags of :func:`tinygen.cmsis_nn.target_flags`, by linking each
routine with all it calls but the C library: "plain" for Cortex-M3, "dsp" for Cortex-M4, "mve" for
Cortex-M55. What two routines have in common is counted for both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels._cmsis_nn import flavour
from tinygen.kernels.base import Linked

if TYPE_CHECKING:
    from tinygen.cores import Core

_BYTES = {
    # routine: plain, dsp, mve
    "arm_avgpool_s8": (512, 632, 1122),
    "arm_concatenation_s8_x": (60, 60, 60),
    "arm_convolve_1_x_n_s8": (3300, 4028, 3014),
    "arm_convolve_1x1_s8": (1490, 2522, 1260),
    "arm_convolve_1x1_s8_fast": (1364, 2394, 1130),
    "arm_convolve_s8": (3218, 3946, 2306),
    "arm_depthwise_conv_3x3_s8": (1364, 1346, 2946),
    "arm_depthwise_conv_s8": (2014, 1994, 1810),
    "arm_depthwise_conv_s8_opt": (2130, 1682, 1818),
    "arm_elementwise_add_s8": (318, 1318, 418),
    "arm_elementwise_mul_s8": (134, 702, 234),
    "arm_fully_connected_per_channel_s8": (1664, 3894, 1702),
    "arm_fully_connected_s8": (1492, 3718, 1628),
    "arm_max_pool_s8": (838, 828, 690),
    "arm_maximum_s8": (1098, 1090, 1866),
    "arm_minimum_s8": (1098, 1090, 1866),
    "arm_pad_s8": (372, 374, 472),
    "arm_softmax_s8": (3910, 3700, 4152),
    "arm_transpose_s8": (572, 558, 1728),
}


def linked(routine: str, core: Core) -> Linked:
    """What a call of a routine links on this core."""
    plain, dsp, mve = _BYTES[routine]
    return Linked(routine, {"plain": plain, "dsp": dsp, "mve": mve}[flavour(core)])
