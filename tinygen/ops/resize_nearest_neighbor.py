"""RESIZE_NEAREST_NEIGHBOR: every pixel is a copy of the one that lies nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.numerics import round_half_away
from tinygen.ops.resizing import Resize, ResizeOptions
from tinygen.ops.shapes import integers, present

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Array, Node
    from tinygen.ops.base import Draw


def neighbours(node: Node, axis: int) -> Array:
    """For every output row (``axis`` 0) or column (1): the input row or column it copies.

    Formula: TFLite ``GetNearestNeighbor``, in float32.
    """
    options: ResizeOptions = node.options
    before, after = node.input(0).shape[1 + axis], integers(node, 1)[axis]
    if options.align_corners and after > 1:
        scale = np.float32(before - 1) / np.float32(after - 1)
    else:
        scale = np.float32(before) / np.float32(after)
    offset = np.float32(0.5 if options.half_pixel_centers else 0.0)
    positions = (np.arange(after, dtype=np.float32) + offset) * scale
    nearest = round_half_away(positions) if options.align_corners else np.floor(positions)
    inside: Array = np.minimum(nearest.astype(np.int64), before - 1)
    return inside


class ResizeNearestNeighbor(Resize):
    """y[i, j] = x[rows[i], columns[j]]."""

    name = "RESIZE_NEAREST_NEIGHBOR"
    table = "ResizeNearestNeighborOptions"

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        return (present(inputs)[:, neighbours(node, 0)][:, :, neighbours(node, 1)],)

    def draw_options(self, draw: Draw) -> ResizeOptions:
        return ResizeOptions(draw.choice((False, True)), draw.choice((False, True)))


OPERATOR = ResizeNearestNeighbor()
