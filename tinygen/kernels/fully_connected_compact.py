"""FULLY_CONNECTED by one function for all shapes, for networks that must be small in flash.

Exact: the accumulator is the sum of the definition in another order, with the zero point folded
into the bias. With the DSP extension, four products at a time.

Every row is read until its last output is written, as in :mod:`fully_connected_portable`, whose
overlap holds here for the same reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.kernels import _compact
from tinygen.kernels._requantization import fold_zero_point
from tinygen.kernels.base import Field, Implementation, Kernel, Overlap, input_, output, record
from tinygen.ops.fully_connected import requantization
from tinygen.ops.weights import bias_of

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


class FullyConnectedCompact(Kernel):
    """Output by output, its sizes read from the layer's record."""

    name = "fully_connected_compact"
    provider = "tinygen"
    op = "FULLY_CONNECTED"

    def refusal(self, node: Node, core: Core) -> str | None:
        return _compact.too_large(_record(node))

    def implement(self, node: Node, core: Core) -> Implementation:
        w = node.input(1)
        outputs, depth = w.shape
        rows = node.input(0).size // depth
        count = outputs if w.quant.per_channel else 1
        multipliers, shifts = requantization(node)
        dsp = core.dsp and not core.mve
        distance = max(outputs, rows * outputs - (rows - 1) * depth)
        return Implementation(
            kernel=self,
            params={"dsp": dsp},
            record=_record(node),
            arguments=(record(), input_(), output()),
            constants=_compact.constants(
                w.constant,
                f"weights, {w.shape} output by output",
                fold_zero_point(
                    bias_of(node, outputs),
                    w.constant.sum(axis=1, dtype=np.int64),
                    node.input(0).quant.zero_point,
                ),
                multipliers[:count],
                shifts[:count],
            ),
            overlaps=(Overlap(distance=distance),) if rows > 1 else (),
            cycles=node.output.size
            * (depth * (2.8 if dsp else 9.0) + 60.0)
            * _compact.pace(core, plain=0.56, armv6m=0.8),
            code_bytes=250 if dsp else 170,
            includes=("tinygen_math.h", *(["tinygen_simd.h"] if dsp else [])),
        )


def _record(node: Node) -> tuple[Field, ...]:
    outputs, depth = node.input(1).shape
    return (
        *(field for field in _compact.weighted_fields(node) if field.name != "zero_point"),
        Field("rows", "uint16_t", node.input(0).size // depth, "inputs that are computed alike"),
        Field("depth", "uint16_t", depth, "values per input"),
        Field("outputs", "uint16_t", outputs, "per input"),
        Field(
            "per_channel",
            "uint8_t",
            int(node.input(1).quant.per_channel),
            "1 or, one scale for all, 0",
        ),
    )


KERNEL = FullyConnectedCompact()
