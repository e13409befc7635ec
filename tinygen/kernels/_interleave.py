"""Weights in the order in which kernels read them that compute several outputs at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Array

BLOCK = 4
"""Outputs that are computed together, so that each input value is loaded once for all of them."""
WIDE_BLOCK = 8
"""The same where there are registers for it, and no output is left over."""


def block_of(outputs: int, core: Core) -> int:
    """How many of so many outputs are computed together."""
    return WIDE_BLOCK if core.mainline and outputs % WIDE_BLOCK == 0 else BLOCK


def output_cycles(depth: int, core: Core) -> float:
    """Cycles of one output that is a sum of ``depth`` products, as an estimate.

    Fitted to exact counts of instructions of 1x1 convolutions and fully connected layers with 16 to
    64 products, by gcc 12.2 on Cortex-M3 and M0+; within 5 % there. On cores with SIMD it is too
    high by as much as those of the compact kernels, the only ones that it competes with.
    """
    if core.dsp:
        return 4.0 * depth + 40
    return 2.4 * depth + 25 if core.mainline else 4.6 * depth + 65


def interleave(weights: Array, block: int) -> Array:
    """Weights (outputs, values per output) in blocks of ``block`` outputs.

    In a block, the weights that meet the same input value lie next to each other. The outputs that
    are left over are a smaller block.
    """
    whole = weights.shape[0] // block * block
    blocks = weights[:whole].reshape(-1, block, weights.shape[1]).transpose(0, 2, 1)
    return np.concatenate([blocks.reshape(-1), weights[whole:].T.reshape(-1)])


def raise_weights(weights: Array) -> Array:
    """int8 weights as uint8, 128 higher, for cores that load bytes faster unsigned.

    Exact: sum (w + 128) x - 128 sum x = sum w x, modulo 2**32, in which kernels compute it. So no
    sum can overflow on the way, whatever its length.
    """
    raised: Array = (weights.astype(np.int16) + 128).astype(np.uint8)
    return raised
