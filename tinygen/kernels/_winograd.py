"""The transforms of integer Winograd convolution F(m x m, 3x3), and why they are exact.

With d a tile of m + 2 by m + 2 input values, g a 3x3 filter and * the product of single elements,

    A' ((G g G') * (B' d B)) A = s (d convolved with g),    s a positive integer,

where A', B' and G' are the rows of ``output``, ``input`` and ``filter`` below: Winograd's minimal
filtering with the points 0, 1, -1 (m = 2) and 0, 1, -1, 2, -2 (m = 4) and infinity, G multiplied by
2 and by 24 so that everything is an integer. So s = 4 for m = 2, and s = 576 = 64 * 9 for m = 4.

**int16 is enough.** An element of B' d B is at most 128 times the product of the sums of magnitudes
of two rows of B': 2 * 2 * 128 = 512 for m = 2, and 10 * 10 * 128 = 12,800 for m = 4, since values
and zero points are int8. In the same way an element of G g G' is at most 3 * 3 * 128 = 1,152 for
m = 2. For m = 4 the sums are 6, 12, 12, 7, 7, 24; the positions (5, 1), (5, 2), (1, 5), (2, 5) are
stored halved and (5, 5) by four, which is exact because row 5 is a multiple of 24 and rows 1 and 2
of 4, so that the largest is 24 * 7 * 128 = 21,504, -128 among the weights included. Intermediate
sums of pairs may wrap, which is harmless: the arithmetic is modulo 2**16 and the result fits.

**int32 may wrap.** Products are summed, and transformed back, modulo 2**32, where all of this holds
as well. What comes out is s * acc modulo 2**32, with acc the accumulator of the plain definition
(s * bias has been added at position (1, 1), whose column of A' is all ones):

- m = 2: s * acc = 4 acc itself, if |acc| < 2**29. An arithmetic shift by 1 or 2 gives 2 acc or acc.
- m = 4: multiplied by 954,437,177, the inverse of 9 modulo 2**32, it is 64 acc, if |acc| < 2**25.
  An arithmetic shift by 5 or 6 gives 2 acc or acc.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tinygen.ir import Array

Rows = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Transform:
    """F(m x m, 3x3) with m = ``outputs``.

    ``scale`` is s = ``odd`` << ``shift``: what comes out, times the inverse of ``odd`` modulo
    2**32, is the accumulator shifted left by ``shift``.
    """

    outputs: int
    input: Rows
    filter: Rows
    output: Rows
    odd: int
    shift: int

    @property
    def scale(self) -> int:
        """What results come multiplied by."""
        return self.odd << self.shift

    @property
    def size(self) -> int:
        """Rows and columns of a transformed tile."""
        return self.outputs + 2

    @property
    def limit(self) -> int:
        """What the magnitude of every accumulator must stay below."""
        return 1 << (31 - self.shift)

    @property
    def stored_shifts(self) -> tuple[tuple[int, ...], ...]:
        """By how many bits each position of a transformed filter is stored smaller."""
        if self.outputs == 2:
            return ((0,) * 4,) * 4
        small, last = (0, 0, 0, 0, 0, 0), (0, 1, 1, 0, 0, 2)
        return (small, (0, 0, 0, 0, 0, 1), (0, 0, 0, 0, 0, 1), small, small, last)

    def filters(self, weights: Array) -> Array:
        """Transformed filters as they are stored, (channels, size, size, depth), in int16.

        ``weights`` is (channels, 3, 3, depth).
        """
        g = np.array(self.filter, np.int64)
        transformed = np.einsum("ai,bj,cijk->cabk", g, g, weights.astype(np.int64))
        stored: Array = transformed >> np.array(self.stored_shifts)[:, :, None]
        return stored.astype(np.int16)


F2 = Transform(
    outputs=2,
    input=((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
    filter=((2, 0, 0), (1, 1, 1), (1, -1, 1), (0, 0, 2)),
    output=((1, 1, 1, 0), (0, 1, -1, -1)),
    odd=1,
    shift=2,
)
F4 = Transform(
    outputs=4,
    input=(
        (4, 0, -5, 0, 1, 0),
        (0, -4, -4, 1, 1, 0),
        (0, 4, -4, -1, 1, 0),
        (0, -2, -1, 2, 1, 0),
        (0, 2, -1, -2, 1, 0),
        (0, 4, 0, -5, 0, 1),
    ),
    filter=((6, 0, 0), (-4, -4, -4), (-4, 4, -4), (1, 2, 4), (1, -2, 4), (0, 0, 24)),
    output=(
        (1, 1, 1, 1, 1, 0),
        (0, 1, -1, 2, -2, 0),
        (0, 1, 1, 4, 4, 0),
        (0, 1, -1, 8, -8, 1),
    ),
    odd=9,
    shift=6,
)
