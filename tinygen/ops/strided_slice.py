"""STRIDED_SLICE: every n-th element of a box, forwards or backwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Array, Node, Shape
from tinygen.ops.base import Draw, Operator, draw_quantized
from tinygen.ops.shapes import (
    draw_shape,
    integer_tensor,
    integers,
    present,
    require_integers,
    require_rank,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

# tflite-micro's kernel, unlike its other kernels for moving data, ends here.
_MAX_RANK = 4


@dataclass(frozen=True)
class StridedSliceOptions:
    """Bit i of a mask is about axis i, as in TensorFlow's ``strided_slice``."""

    begin_mask: int = 0
    end_mask: int = 0
    ellipsis_mask: int = 0
    new_axis_mask: int = 0
    shrink_axis_mask: int = 0
    offset: bool = False


@dataclass(frozen=True)
class Walk:
    """The elements taken along one axis: ``count`` from ``start``, ``stride`` apart.

    ``kept`` says whether the axis is there in the output.
    """

    start: int
    stride: int
    count: int
    kept: bool


def walks(node: Node) -> tuple[Walk, ...]:
    """What is taken along each axis (TFLite ``strided_slice_logic.h``)."""
    options: StridedSliceOptions = node.options
    found = []
    bounds = zip(*(integers(node, index) for index in (1, 2, 3)), strict=True)
    for axis, (begin, end, stride) in enumerate(bounds):
        bit, length = 1 << axis, node.input(0).shape[axis]
        # Python's slices clamp positions to the axis, and count negative ones from its end, alike.
        start, stop, step = slice(
            None if options.begin_mask & bit else begin,
            None if options.end_mask & bit else end,
            stride,
        ).indices(length)
        kept = not options.shrink_axis_mask & bit
        count = len(range(start, stop, step)) if kept else int(0 <= start < length)
        found.append(Walk(start, step, count, kept))
    return tuple(found)


class StridedSlice(Operator):
    """Inputs 1, 2 and 3 are begin, end and stride, one entry per axis."""

    name = "STRIDED_SLICE"
    table = "StridedSliceOptions"
    options_type = StridedSliceOptions

    def check(self, node: Node) -> None:
        x, options = node.input(0), node.options
        self.require_int8(node, x, node.output)
        require_rank(self, node, x, _MAX_RANK)
        for index, what in enumerate(("begin", "end", "stride"), start=1):
            values = require_integers(self, node, index, what)
            self.require(
                node,
                len(values) == len(x.shape),
                f"its {what} has {len(values)} entries for an input of shape {x.shape}",
                "slice every axis, as in x[:, 1:3, :, :]",
            )
        self.require(
            node,
            not (options.ellipsis_mask or options.new_axis_mask or options.offset),
            "it uses an ellipsis, a new axis or an end that counts from the beginning",
            "slice every axis by plain positions and reshape afterwards",
        )
        self.require(
            node,
            all(
                stride > 0 or (stride < 0 and not options.shrink_axis_mask & 1 << axis)
                for axis, stride in enumerate(integers(node, 3))
            ),
            f"its strides {integers(node, 3)} hold a 0, or run backwards to one element",
            "take single elements with stride 1",
        )
        self.require(
            node,
            all(walk.count > 0 for walk in walks(node)),
            f"it takes nothing from an input of shape {x.shape}",
            "slice inside the input",
        )

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        return (tuple(walk.count for walk in walks(node) if walk.kept),)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        taken = present(inputs)
        for axis, walk in enumerate(walks(node)):
            positions = walk.start + walk.stride * np.arange(walk.count)
            taken = np.take(taken, positions, axis)
        return (taken.reshape(node.output.shape),)

    def sample(self, draw: Draw) -> Node:
        x = draw_quantized(draw, "input", draw_shape(draw))
        begin, end, stride, shrink = [], [], [], 0
        for axis, length in enumerate(x.shape):
            low = draw.integer(0, length - 1)
            high = draw.integer(low, length - 1)
            step = draw.choice((1, 1, 2, 3, -1, -2))
            first, last = (low, high + 1) if step > 0 else (high, low - 1)
            if draw.integer(0, 3) == 0:
                shrink, step = shrink | 1 << axis, 1
            # Behind the first element lies -length - 1; -1 would mean the last element.
            last = -length - 1 if last < 0 else last
            begin.append(first - draw.choice((0, length)))
            end.append(last - (length if 0 <= last < length and draw.integer(0, 1) else 0))
            stride.append(step)
        every = (1 << len(x.shape)) - 1
        options = StridedSliceOptions(
            begin_mask=draw.integer(0, every),
            end_mask=draw.integer(0, every),
            shrink_axis_mask=shrink,
        )
        inputs = (
            x,
            integer_tensor("begin", begin),
            integer_tensor("end", end),
            integer_tensor("strides", stride),
        )
        node = Node(self.name, "strided_slice", inputs, (x,), options)
        return node.replace(outputs=(draw_quantized(draw, "output", self.shapes(node)[0]),))


OPERATOR = StridedSlice()
