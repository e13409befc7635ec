"""CONV_2D of any window on cores with the DSP extension, weights as int8 at their plain size.

See :mod:`tinygen.kernels._dsp_window`, which holds the proof.
"""

from __future__ import annotations

from tinygen.kernels._dsp_window import WindowKernel


class WindowW8(WindowKernel):
    """Up to four pixels by two channels, int8 weights."""

    name = "conv_2d_dsp_window_w8"
    weight_bits = 8


KERNEL = WindowW8()
