"""RESIZE_NEAREST_NEIGHBOR in plain C.

Exact: which row and which column is copied is computed by the operator's definition and stored in
two tables. How the output may lie over the input follows from them, see
:func:`tinygen.kernels._moves.slide`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.codegen import CTYPES
from tinygen.kernels._moves import SHORTEST_BLOCK, by, slide
from tinygen.kernels.base import (
    Constant,
    Implementation,
    Kernel,
    constant,
    input_,
    output,
)
from tinygen.ops.resize_nearest_neighbor import neighbours

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class ResizeNearestNeighborPortable(Kernel):
    """One copy per output pixel."""

    name = "resize_nearest_neighbor_portable"
    provider = "tinygen"
    op = "RESIZE_NEAREST_NEIGHBOR"

    def implement(self, node: Node, core: Core) -> Implementation:
        batch, height, width, depth = node.input(0).shape
        rows, columns = neighbours(node, 0), neighbours(node, 1)
        positions = np.arange(node.input(0).size).reshape(node.input(0).shape)
        index = np.min_scalar_type(max(height, width))
        return Implementation(
            kernel=self,
            params={
                "batch": batch,
                "height": height,
                "width": width,
                "depth": depth,
                "out_height": len(rows),
                "out_width": len(columns),
                "index": CTYPES[index.name],
                "shortest": SHORTEST_BLOCK,
            },
            label=f"{by(node.input(0).shape)}_to_{by(node.output.shape)}",
            arguments=(input_(), output(), constant("rows"), constant("columns")),
            constants=(
                Constant("rows", rows.astype(index), "input row of each output row", "table"),
                Constant(
                    "columns", columns.astype(index), "input column of each output column", "table"
                ),
            ),
            overlaps=slide(positions[:, rows][:, :, columns].reshape(-1)),
            cycles=node.output.size / depth * (20.0 + depth),
            includes=("<string.h>",),
        )


KERNEL = ResizeNearestNeighborPortable()
