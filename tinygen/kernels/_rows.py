"""A convolution one output row at a time: which lines it reads, and how it is a small convolution.

The row r of the output depends on the input rows r * stride - pad_top and following, ``span`` of
them, the zero point standing for what lies outside. With these rows one under the other in a line
buffer, each with the zero point in the columns of the padding, the row is the output of the same
convolution without padding, over an input of ``span`` rows: the products are the same, for those
with the zero point are 0 either way. So every kernel that computes convolutions computes rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tinygen.ops import conv_2d, depthwise_conv_2d, operator

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
    """One convolution of a chain, by rows.

    ``node`` computes one row from the line buffer; ``rows`` and ``in_rows`` count those of the
    whole output and input, ``row_bytes`` and ``in_row_bytes`` are their sizes. A line of the
    buffer has ``line_bytes``, the row in it begins at ``line_start``; there are ``span`` lines, of
    which ``kept`` serve the next row as well. ``below`` says that windows reach below the input.
    A ``direct`` stage reads the rows where they are and needs no buffer.
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

    @classmethod
    def of(cls, node: Node) -> Stage:
        """The stage that computes a convolution of one sample."""
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
        if stage.stride > stage.span:
            return f"layer {stage.node.name!r} skips rows, which would be computed in vain"
        if (stage.line_bytes % WORD and stage.span > 1) or stage.line_start % WORD:
            return f"the rows of the input of layer {stage.node.name!r} are no whole words"
    return None


def distance(stages: Sequence[Stage]) -> int:
    """How far in front of the chain's input its output may begin: see :mod:`._fused_rows`."""
    first, last = stages[0], stages[-1]
    found = []
    for row in range(last.rows):
        wanted = row
        for stage in reversed(stages[1:]):
            wanted = stage.rows_read(wanted) - 1
        unread = first.next_row(wanted)
        if unread < first.in_rows:
            found.append((row + 1) * last.row_bytes - unread * first.in_row_bytes)
    return max(found, default=-first.in_rows * first.in_row_bytes)
