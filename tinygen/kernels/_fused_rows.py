"""A chain of layers row by row: no tensor between them, a few lines of each instead.

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

What a sum adds is read once as well, its row r when row r of the sum is computed, so the same holds
of it. If the sum comes last, its row y is read and output row y written by one call of its kernel,
so that kernel's own permission must hold too; both rows have one size, so their distance is that of
the tensors in every row.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tinygen.kernels import kernels_for
from tinygen.kernels._rows import Stage, distance, side_distance, stages_of, unsuitable
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
    from collections.abc import Iterator, Sequence

    from tinygen.cores import Core
    from tinygen.ir import Node
    from tinygen.kernels.base import Argument

_MOVED = 4.0
"""Instructions per byte of memmove and memcpy in the small C library."""


class FusedRows(Kernel):
    """Layers by rows, each row by the kernel that :meth:`rank` prefers."""

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
        sides = [k for k, stage in enumerate(stages) if stage.side is not None]
        records = [k for k, offer in enumerate(chosen) if offer.record]
        return Implementation(
            kernel=self,
            params={
                "chain": {
                    "stages": tuple(_plain(stage) for stage in stages),
                    "sides": tuple(sides),
                    "records": tuple(records),
                    "parameters": tuple(
                        (f"{constants[a.role].data.dtype}_t", a.role) for a in passed
                    ),
                    "arguments": tuple(
                        tuple(_passed(a, stage) for a in offer.arguments)
                        for stage, offer in zip(stages, chosen, strict=True)
                    ),
                    "buffers": buffers,
                }
            },
            label=f"{len(stages)}_layers",
            arguments=(
                *(input_(number) for number in range(len(sides) + 1)),
                output(),
                scratch(),
                *(record(of_call=number) for number in records),
                *passed,
            ),
            constants=tuple(constants.values()),
            calls=tuple(chosen),
            scratch_bytes=buffers + max(offer.scratch_bytes for offer in chosen),
            overlaps=(Overlap(distance=distance(stages)), *_side_overlaps(stages, sides, chosen)),
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


def _passed(argument: Argument, stage: Stage) -> tuple[str, str]:
    """What a stage's kernel takes, for the template."""
    if argument.kind == "input" and argument.index == stage.side:
        return "side", ""
    return argument.kind, argument.role


def _side_overlaps(
    stages: Sequence[Stage], sides: Sequence[int], chosen: Sequence[Implementation]
) -> Iterator[Overlap]:
    """How the output may lie over what sums add."""
    for position, number in enumerate(sides, 1):
        apart = side_distance(stages, number)
        if number + 1 < len(stages):
            yield Overlap(input=position, distance=apart)
            continue
        for own in chosen[number].overlaps:
            if own.input == stages[number].side and not own.same_start:
                yield Overlap(input=position, distance=max(apart, own.distance))


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
