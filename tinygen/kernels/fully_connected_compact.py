"""FULLY_CONNECTED by one function for all shapes, for networks that must be small in flash.

Exact: the accumulator is the sum of the definition, value by value.

Every row is read until its last output is written, as in :mod:`fully_connected_portable`, whose
overlap holds here for the same reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels import _compact
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
        distance = max(outputs, rows * outputs - (rows - 1) * depth)
        return Implementation(
            kernel=self,
            params={},
            record=_record(node),
            arguments=(record(), input_(), output()),
            constants=_compact.constants(
                w.constant,
                f"weights, {w.shape} output by output",
                bias_of(node, outputs),
                multipliers[:count],
                shifts[:count],
            ),
            overlaps=(Overlap(distance=distance),) if rows > 1 else (),
            cycles=node.output.size * (depth * 8.0 + 50.0),
            code_bytes=140,
        )


def _record(node: Node) -> tuple[Field, ...]:
    outputs, depth = node.input(1).shape
    return (
        *_compact.weighted_fields(node),
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
