"""MINIMUM: the smaller of two values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.ops.extremum import Extremum

if TYPE_CHECKING:
    from tinygen.ir import Array


class Minimum(Extremum):
    """y = the smaller of the stored values."""

    name = "MINIMUM"

    def pick(self, a: Array, b: Array) -> Array:
        picked: Array = np.minimum(a, b)
        return picked


OPERATOR = Minimum()
