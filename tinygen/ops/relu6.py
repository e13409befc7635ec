"""RELU6 that stands alone: a clamp of the stored values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.numerics import activation_range
from tinygen.ops.lookup import Lookup

if TYPE_CHECKING:
    from tinygen.ir import Array, Node


class Relu6(Lookup):
    """y = the stored x, clamped to where the input's quantization has 0 and 6.

    tflite-micro takes the output's quantization to be the input's, and so does this definition;
    a model that gives them different scales should fuse the activation into the layer before.
    """

    name = "RELU6"

    def apply(self, node: Node, x: Array) -> Array:
        return np.clip(x, *activation_range("RELU6", node.input(0).quant))


OPERATOR = Relu6()
