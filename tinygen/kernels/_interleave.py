"""Weights in the order in which kernels read them that compute several outputs at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tinygen.ir import Array

# Outputs that are computed together, so that each input value is loaded once for all of them.
BLOCK = 4


def interleave(weights: Array) -> Array:
    """Weights (outputs, values per output) in blocks of BLOCK outputs.

    In a block, the weights that meet the same input value lie next to each other. The outputs that
    are left over follow one by one.
    """
    whole = weights.shape[0] // BLOCK * BLOCK
    blocks = weights[:whole].reshape(-1, BLOCK, weights.shape[1]).transpose(0, 2, 1)
    return np.concatenate([blocks.reshape(-1), weights[whole:].reshape(-1)])
