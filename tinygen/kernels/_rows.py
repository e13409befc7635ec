"""A layer one output row at a time: which lines it reads, and how a row is a small layer.

The row r of the output depends on the input rows r * stride - pad_top and following, ``span`` of
them, the zero point standing for what lies outside. With these rows one under the other in a line
buffer, each with the zero point in the columns of the padding, the row is the output of the same
convolution without padding, over an input of ``span`` rows: the products are the same, for those
with the zero point are 0 either way. So every kernel that computes convolutions computes rows. And
a row of a sum is the sum of two rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from tinygen.ops import conv_2d, depthwise_conv_2d, operator
from tinygen.ops.own.fused_rows import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tinygen.ir import Node
    from tinygen.ops.windows import Window

_WINDOWS: dict[str, Callable[[Node], Window]] = {
    "CONV_2D": conv_2d.window,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d.window,
}
WORD = 4


@dataclass(frozen=True)
class Stage:
    """One layer of a chain, by rows.

    ``node`` computes one row from the line buffer; ``rows`` and ``in_rows`` count those of the
    whole output and input, ``row_bytes`` and ``in_row_bytes`` are their sizes. A line of the
    buffer has ``line_bytes``, the row in it begins at ``line_start``; there are ``span`` lines, of
    which ``kept`` serve the next row as well. ``below`` says that windows reach below the input.
    A ``direct`` stage reads the rows where they are and needs no buffer. ``side`` is the operand of
    a sum that comes from outside the chain, its rows from where they are.
    """

    node: Node
    rows: int
    in_rows: int
    row_bytes: int
    in_row_bytes: int
    line_bytes: int
    line_start: int
    span: int
    stride: int
    kept: int
    pad_top: int
    below: bool
    zero_point: int
    direct: bool = False
    side: int | None = None

    @classmethod
    def of(cls, node: Node) -> Stage:
        """The stage that computes a layer of one sample."""
        return cls._of_window(node) if node.op in WINDOWS else cls._of_sum(node)

    @classmethod
    def _of_sum(cls, node: Node) -> Stage:
        y = node.output
        _, height, width, depth = y.shape
        shape, size = (1, 1, width, depth), width * depth
        row = node.replace(
            inputs=tuple(replace(t, shape=shape, source=None) for t in node.activations),
            outputs=(replace(y, shape=shape, source=None),),
        )
        operator(row.op).check(row)
        return cls(row, height, height, size, size, size, 0, 1, 1, 0, 0, below=False, zero_point=0)

    @classmethod
    def _of_window(cls, node: Node) -> Stage:
        x, y, window = node.input(0), node.output, _WINDOWS[node.op](node)
        _, height, width, depth = x.shape
        reach = (window.out_width - 1) * window.stride_w
        reach += (window.width - 1) * window.dilation_w + 1
        line = max(window.pad_left + width, reach)
        span = (window.height - 1) * window.dilation_h + 1
        row = node.replace(
            inputs=(replace(x, shape=(1, span, line, depth), source=None), *node.inputs[1:]),
            outputs=(replace(y, shape=(1, 1, *y.shape[2:]), source=None),),
            options=replace(node.options, padding="VALID"),
        )
        operator(row.op).check(row)
        bottom = (window.out_height - 1) * window.stride_h - window.pad_top + span
        return cls(
            node=row,
            rows=window.out_height,
            in_rows=height,
            row_bytes=y.shape[2] * y.shape[3],
            in_row_bytes=width * depth,
            line_bytes=line * depth,
            line_start=window.pad_left * depth,
            span=span,
            stride=window.stride_h,
            kept=max(span - window.stride_h, 0),
            pad_top=window.pad_top,
            below=bottom > height,
            zero_point=x.quant.zero_point,
        )

    @property
    def padded(self) -> bool:
        """Whether a line buffer holds anything but rows of the input."""
        return self.pad_top > 0 or self.below or self.line_bytes > self.in_row_bytes

    @property
    def buffer_bytes(self) -> int:
        """Size of the line buffer, whole words."""
        return 0 if self.direct else -(-self.span * self.line_bytes // WORD) * WORD

    def rows_read(self, row: int) -> int:
        """One past the last row of the input that output row ``row`` needs."""
        return min(row * self.stride - self.pad_top + self.span, self.in_rows)

    def next_row(self, row: int) -> int:
        """The first row of the input that is read for output rows after ``row``."""
        if row + 1 == self.rows:
            return self.in_rows
        known = 0 if self.direct else self.kept
        return min((row + 1) * self.stride - self.pad_top + known, self.in_rows)


def stages_of(chain: Sequence[Node]) -> list[Stage]:
    """A chain's stages; the first is direct where its windows are whole rows of the input.

    A single layer is never direct: it would write its output while it reads its input.
    """
    stages = [Stage.of(node) for node in chain]
    for k, (before, node) in enumerate(pairwise(chain), 1):
        if node.op not in WINDOWS:
            stages[k] = replace(stages[k], side=1 - node.inputs.index(before.output))
    first = stages[0]
    if len(stages) > 1 and not first.padded and not first.stride * first.in_row_bytes % WORD:
        stages[0] = replace(first, direct=True)
    return stages


def unsuitable(stages: Sequence[Stage]) -> str | None:
    """Why a chain cannot be computed row by row; None if it can.

    Kernels load and store words, so every row that one of them writes must begin at a word.
    """
    if stages[-1].row_bytes % WORD and stages[-1].rows > 1:
        return "the rows of its output are no whole words"
    for stage in stages[1:]:
        if stage.side is not None and stage.in_row_bytes % WORD:
            return f"the rows that layer {stage.node.name!r} adds are no whole words"
        if stage.stride > stage.span:
            return f"layer {stage.node.name!r} skips rows, which would be computed in vain"
        if (stage.line_bytes % WORD and stage.span > 1) or stage.line_start % WORD:
            return f"the rows of the input of layer {stage.node.name!r} are no whole words"
    return None


def distance(stages: Sequence[Stage]) -> int:
    """How far in front of the chain's input its output may begin: see :mod:`._fused_rows`."""
    first = stages[0]
    unread = [first.next_row(asked) for asked in _asked(stages, 0)]
    return _distance(stages[-1], first, unread)


def side_distance(stages: Sequence[Stage], number: int) -> int:
    """How far in front of what stage ``number`` adds the output may begin, but for the last row."""
    return _distance(stages[-1], stages[number], [row + 1 for row in _asked(stages, number)])


def _distance(last: Stage, reader: Stage, unread: Sequence[int]) -> int:
    """The distance at which what is written ends in front of the ``unread`` rows of a tensor."""
    found = (
        (row + 1) * last.row_bytes - begin * reader.in_row_bytes
        for row, begin in enumerate(unread)
        if begin < reader.in_rows
    )
    return max(found, default=-reader.in_rows * reader.in_row_bytes)


def _asked(stages: Sequence[Stage], number: int) -> list[int]:
    """The last row of stage ``number`` that has been computed for each row of the output."""
    rows = []
    for row in range(stages[-1].rows):
        for stage in reversed(stages[number + 1 :]):
            row = stage.rows_read(row) - 1
        rows.append(row)
    return rows
