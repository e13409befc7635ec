"""CONV_2D without dilation on cores with the DSP extension, by functions for similar layers.

See :mod:`tinygen.kernels._dsp_columns`, which holds the proof.
"""

from __future__ import annotations

from tinygen.kernels._dsp_columns import ColumnsKernel


class Columns(ColumnsKernel):
    """Loops as long as a layer can use."""

    name = "conv_2d_dsp_columns"


KERNEL = Columns()
