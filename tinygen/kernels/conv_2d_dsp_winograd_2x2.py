"""CONV_2D 3x3 on cores with the DSP extension by Winograd's F(2x2, 3x3).

See :mod:`tinygen.kernels._dsp_winograd` and :mod:`tinygen.kernels._winograd`, which hold the proof.
"""

from __future__ import annotations

from tinygen.kernels._dsp_winograd import WinogradKernel
from tinygen.kernels._winograd import F2


class Winograd2x2(WinogradKernel):
    """Tiles of 2 by 2 outputs."""

    name = "conv_2d_dsp_winograd_2x2"
    transform = F2
    cycles_per_output = 22.0
    cycles_per_value = 9.0


KERNEL = Winograd2x2()
