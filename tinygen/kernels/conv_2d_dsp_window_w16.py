"""CONV_2D of any window on cores with the DSP extension, weights as int16 at twice their flash.

See :mod:`tinygen.kernels._dsp_window`, which holds the proof.
"""

from __future__ import annotations

from tinygen.kernels._dsp_window import WindowKernel


class WindowW16(WindowKernel):
    """Four pixels by two channels, int16 weights."""

    name = "conv_2d_dsp_window_w16"
    weight_bits = 16


KERNEL = WindowW16()
