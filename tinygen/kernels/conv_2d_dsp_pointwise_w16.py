"""CONV_2D 1x1 with stride 1 on cores with the DSP extension, weights as int16 at twice their flash.

See :mod:`tinygen.kernels._dsp_pointwise`, which holds the proof.
"""

from __future__ import annotations

from tinygen.kernels._dsp_pointwise import Pointwise


class PointwiseW16(Pointwise):
    """Four pixels by two channels, int16 weights."""

    name = "conv_2d_dsp_pointwise_w16"
    weight_bits = 16


KERNEL = PointwiseW16()
