"""CONV_2D without dilation on cores with the DSP extension, by one function for all layers.

See :mod:`tinygen.kernels._dsp_columns`, which holds the proof.
"""

from __future__ import annotations

from tinygen.kernels._dsp_columns import ColumnsKernel


class ColumnsSmall(ColumnsKernel):
    """Two steps of four values per loop, and no more code than that."""

    name = "conv_2d_dsp_columns_small"
    small = True


KERNEL = ColumnsSmall()
