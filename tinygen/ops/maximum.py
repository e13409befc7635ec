"""MAXIMUM: the larger of two values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.ops.extremum import Extremum

if TYPE_CHECKING:
    from tinygen.ir import Array


class Maximum(Extremum):
    """y = the larger of the stored values."""

    name = "MAXIMUM"

    def pick(self, a: Array, b: Array) -> Array:
        picked: Array = np.maximum(a, b)
        return picked


OPERATOR = Maximum()
