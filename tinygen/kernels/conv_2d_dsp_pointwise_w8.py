"""CONV_2D 1x1 with stride 1 on cores with the DSP extension, weights as int8 at their plain size.

See :mod:`tinygen.kernels._dsp_pointwise`, which holds the proof.
"""

from __future__ import annotations

from tinygen.kernels._dsp_pointwise import Pointwise


class PointwiseW8(Pointwise):
    """Up to four pixels by two channels, int8 weights."""

    name = "conv_2d_dsp_pointwise_w8"
    weight_bits = 8


KERNEL = PointwiseW8()
