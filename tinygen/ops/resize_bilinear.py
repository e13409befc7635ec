"""RESIZE_BILINEAR: every pixel is a weighted mean of four neighbours, in integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.ops.resizing import Resize, ResizeOptions
from tinygen.ops.shapes import integers, present

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Array, Node

ONE = 1 << 10


@dataclass(frozen=True, eq=False)
class Blend:
    """For every output row or column: the two it lies between, and the weight of the upper one.

    The weight of the lower one is ``ONE - weight``. Where both are the same, at an edge, the
    weight may lie outside [0, ONE]; the sum of both is ONE all the same.
    """

    lower: Array
    upper: Array
    weight: Array


def blend(node: Node, axis: int) -> Blend:
    """How rows (``axis`` 0) or columns (1) mix.

    Formula: TFLite ``ResizeBilinearInteger`` and ``ComputeInterpolationValuesInteger``, with 10
    fractional bits; their divisions truncate.
    """
    options: ResizeOptions = node.options
    before, after = node.input(0).shape[1 + axis], integers(node, 1)[axis]
    if options.align_corners and after > 1:
        scale = (ONE * (before - 1) + (after - 1) // 2) // (after - 1)
    else:
        scale = (ONE * before + after // 2) // after
    position = np.arange(after, dtype=np.int64) * scale
    if options.half_pixel_centers:
        position += scale // 2 - ONE // 2
    # Below 0 truncation and floor differ, but both results are then raised to 0.
    lower = np.maximum(position // ONE, 0)
    upper = np.minimum(np.maximum((position + ONE - 1) // ONE, 0), before - 1)
    return Blend(lower, upper, position - ONE * lower)


class ResizeBilinear(Resize):
    """y = sum of four x times the weights of its row and its column, over 2**20.

    The quotient is rounded half away from zero.
    """

    name = "RESIZE_BILINEAR"
    table = "ResizeBilinearOptions"

    def check(self, node: Node) -> None:
        super().check(node)
        self.require(
            node,
            not (node.options.align_corners and node.options.half_pixel_centers),
            "it asks for aligned corners and half-pixel centres at once",
            "choose one of them",
        )
        for axis in range(2):
            self.require(
                node,
                bool(blend(node, axis).lower[-1] < node.input(0).shape[1 + axis]),
                f"steps of 1/{ONE} of a pixel are too coarse to resize {node.input(0).shape[1:3]} "
                f"to {integers(node, 1)}",
                "resize to fewer pixels",
            )

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        x = present(inputs).astype(np.int64)
        rows, columns = blend(node, 0), blend(node, 1)
        down, right = rows.weight[:, None, None], columns.weight[:, None]
        mixed = x[:, rows.lower] * (ONE - down) + x[:, rows.upper] * down
        mixed = mixed[:, :, columns.lower] * (ONE - right) + mixed[:, :, columns.upper] * right
        half = ONE * ONE // 2
        y = np.where(mixed > 0, (mixed + half) >> 20, -((half - mixed) >> 20))
        return (y.astype(np.int8),)


OPERATOR = ResizeBilinear()
