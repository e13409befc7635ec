"""Compare values byte for byte, and say where they first differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.errors import ProofError

if TYPE_CHECKING:
    from tinygen.ir import Array, Tensor


@dataclass(frozen=True)
class Comparison:
    """One proof that was run: against what, over how many inputs and values.

    Its existence says that there was no difference; a difference raises ProofError instead.
    """

    method: str
    inputs: int
    values: int


def same_bytes(
    what: str, against: str, layer: str, tensor: Tensor, number: int, got: Array, expected: Array
) -> None:
    """Require equal bytes; ``what`` gave ``got``, ``against`` gave ``expected``, for one tensor.

    ``number`` is that of the input set. Raises ProofError that names the layer, the tensor, the
    first element that differs and how many do.
    """
    same = got.reshape(-1).view(np.uint8) == expected.reshape(-1).view(np.uint8)
    if same.all():
        return
    size = tensor.dtype.itemsize
    wrong = np.flatnonzero(~same.reshape(-1, size).all(axis=1))
    first = int(wrong[0])
    index = tuple(int(i) for i in np.unravel_index(first, tensor.shape or (1,)))
    raise ProofError(
        f"{what} differs from {against} first in layer {layer!r}, tensor {tensor.name!r}, at "
        f"{index} of input {number}: {got.reshape(-1)[first]} instead of "
        f"{expected.reshape(-1)[first]} ({wrong.size} of {tensor.size} values differ); "
        "please report it with the model"
    )
