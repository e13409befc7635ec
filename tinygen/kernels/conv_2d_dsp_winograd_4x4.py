"""CONV_2D 3x3 on cores with the DSP extension by Winograd's F(4x4, 3x3).

See :mod:`tinygen.kernels._dsp_winograd` and :mod:`tinygen.kernels._winograd`, which hold the proof.
"""

from __future__ import annotations

from tinygen.kernels._dsp_winograd import WinogradKernel
from tinygen.kernels._winograd import F4


class Winograd4x4(WinogradKernel):
    """Tiles of 4 by 4 outputs."""

    name = "conv_2d_dsp_winograd_4x4"
    transform = F4
    cycles_per_output = 18.0
    cycles_per_value = 10.0


KERNEL = Winograd4x4()
