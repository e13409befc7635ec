"""A chain of convolutions row by row: no tensor between them, a few lines of each instead.

Exact: :mod:`._rows` shows that each row of each layer is computed from the same products as in the
layer's definition. The rows of a layer are asked for in rising order, each once. For the next row
of a layer, the lines that it shares with the row before move up, and the layer in front computes
the missing ones, at their place in the line buffer. Nothing is computed twice.

The output may lie over the input. Only the first layer reads the input: it copies every row into
its line buffer, once and in rising order, or reads windows that only move down where they are. Only
the last layer writes the output, row by row, from its own line buffer; it does so when the layers
in front have read what output row y needs. What is written then ends at out + (y + 1) * row_bytes,
and what is read later begins at in + unread(y) * in_row_bytes. So nothing is overwritten before it
is read if out + (y + 1) * row_bytes - unread(y) * in_row_bytes <= in for all y that leave anything
unread. (A single layer always copies, so the first layer never reads the input while it writes.)
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tinygen.kernels import kernels_for
from tinygen.kernels._rows import Stage, distance, stages_of, unsuitable
from tinygen.kernels.base import (
    Implementation,
    Kernel,
    Overlap,
    constant,
    input_,
    output,
    record,
    scratch,
)

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node

_MOVED = 4.0
"""Instructions per byte of memmove and memcpy in the small C library."""


class FusedRows(Kernel):
    """Convolutions by rows, each row by the kernel that :meth:`rank` prefers."""

    provider = "tinygen"
    op = "FUSED_ROWS"

    @abstractmethod
    def rank(self, offer: Implementation) -> tuple[float, float]:
        """What to have least of in an implementation of one row."""

    def refusal(self, node: Node, core: Core) -> str | None:
        if not all(_offers(layer, core) for layer in node.options.nodes):
            return "a row of it is outside what kernels take"
        return unsuitable(stages_of(node.options.nodes))

    def implement(self, node: Node, core: Core) -> Implementation:
        stages = stages_of(node.options.nodes)
        chosen = [
            _numbered(min(_offers(layer, core), key=self.rank), number)
            for number, layer in enumerate(node.options.nodes)
        ]
        buffers = sum(stage.buffer_bytes for stage in stages)
        constants = {c.role: c for offer in chosen for c in offer.constants}
        passed = [a for offer in chosen for a in offer.arguments if a.kind == "constant"]
        records = [k for k, offer in enumerate(chosen) if offer.record]
        return Implementation(
            kernel=self,
            params={
                "chain": {
                    "stages": tuple(_plain(stage) for stage in stages),
                    "records": tuple(records),
                    "parameters": tuple(
                        (f"{constants[a.role].data.dtype}_t", a.role) for a in passed
                    ),
                    "arguments": tuple(
                        tuple((a.kind, a.role) for a in offer.arguments) for offer in chosen
                    ),
                    "buffers": buffers,
                }
            },
            label=f"{len(stages)}_layers",
            arguments=(
                input_(),
                output(),
                scratch(),
                *(record(of_call=number) for number in records),
                *passed,
            ),
            constants=tuple(constants.values()),
            calls=tuple(chosen),
            scratch_bytes=buffers + max(offer.scratch_bytes for offer in chosen),
            overlaps=(Overlap(distance=distance(stages)),),
            cycles=sum(_cycles(s, o) for s, o in zip(stages, chosen, strict=True)),
            code_bytes=100 + 80 * len(stages),
            includes=tuple(
                dict.fromkeys(("<string.h>", *(h for offer in chosen for h in offer.includes)))
            ),
        )


@lru_cache(maxsize=512)
def _offers(layer: Node, core: Core) -> tuple[Implementation, ...]:
    """Every implementation of a row of this layer."""
    row = Stage.of(layer).node
    return tuple(
        kernel.implement(row, core)
        for kernel in kernels_for(row.op, "tinygen")
        if kernel.refusal(row, core) is None
    )


def _numbered(offer: Implementation, number: int) -> Implementation:
    """The implementation of stage ``number``, the roles of its constants told from others'."""

    def role(name: str) -> str:
        return f"{name}_{number}"

    return replace(
        offer,
        constants=tuple(replace(c, role=role(c.role)) for c in offer.constants),
        record=tuple(
            f if isinstance(f.value, int) else replace(f, value=constant(role(f.value.role)))
            for f in offer.record
        ),
        arguments=tuple(
            constant(role(a.role)) if a.kind == "constant" else a for a in offer.arguments
        ),
    )


def _plain(stage: Stage) -> dict[str, Any]:
    """What the template needs of a stage."""
    values = {k: v for k, v in vars(stage).items() if k != "node"}
    return values | {
        "op": stage.node.op,
        "padded": stage.padded,
        "buffer_bytes": stage.buffer_bytes,
        "shape": stage.node.output.shape[2:],
    }


def _cycles(stage: Stage, offer: Implementation) -> float:
    return stage.rows * (offer.cycles + _MOVED * _moved(stage) + 40.0)


def _moved(stage: Stage) -> int:
    """Bytes that are moved up per output row, and copied from the input."""
    return 0 if stage.direct else stage.kept * stage.line_bytes
