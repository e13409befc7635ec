"""RESIZE_BILINEAR in plain C.

Exact: which rows and columns mix, and their weights, are computed by the operator's definition and
stored in two tables. Rows are mixed before columns, which is the definition's sum of four products
with a common factor taken out. It fits 32 bits: a weight lies in [-512, 1024], and the other one
makes 1024 of it, so a mix of rows is below 128 * (1536 + 512) = 2**18 and the sum below
2**18 * (1536 + 512) = 2**29; the definition's 64 bits hold the same number.

How the output may lie over the input follows from the upper left of the four pixels, which is the
first in memory; see :func:`tinygen.kernels._moves.slide`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.codegen import CTYPES
from tinygen.kernels._moves import by, slide
from tinygen.kernels.base import (
    Constant,
    Implementation,
    Kernel,
    constant,
    input_,
    output,
)
from tinygen.ops.resize_bilinear import Blend, blend

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Array, Node

_INT16_MAX = 32767


def _entries(blend: Blend) -> Array:
    return np.stack([blend.lower, blend.upper, blend.weight], axis=1)


class ResizeBilinearPortable(Kernel):
    """Three multiplications by weights per output value."""

    name = "resize_bilinear_portable"
    provider = "tinygen"
    op = "RESIZE_BILINEAR"

    def implement(self, node: Node, core: Core) -> Implementation:
        batch, height, width, depth = node.input(0).shape
        rows, columns = blend(node, 0), blend(node, 1)
        positions = np.arange(node.input(0).size).reshape(node.input(0).shape)
        index = np.dtype(np.int16 if max(height, width) <= _INT16_MAX else np.int32)
        comment = "of each output {}: the two it lies between, and the second one's weight"
        return Implementation(
            kernel=self,
            params={
                "batch": batch,
                "height": height,
                "width": width,
                "depth": depth,
                "out_height": len(rows.lower),
                "out_width": len(columns.lower),
                "index": CTYPES[index.name],
            },
            label=f"{by(node.input(0).shape)}_to_{by(node.output.shape)}",
            arguments=(input_(), output(), constant("rows"), constant("columns")),
            constants=(
                Constant("rows", _entries(rows).astype(index), comment.format("row"), "table"),
                Constant(
                    "columns", _entries(columns).astype(index), comment.format("column"), "table"
                ),
            ),
            overlaps=slide(positions[:, rows.lower][:, :, columns.lower].reshape(-1)),
            cycles=30.0 * node.output.size,
            includes=(),
        )


KERNEL = ResizeBilinearPortable()
