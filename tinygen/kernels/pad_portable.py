"""PAD in plain C, for every shape and every core.

Exact: bytes are filled and moved in the order of the output, as the definition says.

The output grows faster than the input is read, so it may lie below it: run i of the input, which
is moved as one block, must not have been overwritten before. The output ahead of it does not
reach it if ``output + start(i) <= input + i * run``, and the distance between both grows with i.
So the distance is that of the last run: everything that is filled in before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen.kernels._moves import by, dense_steps
from tinygen.kernels.base import Implementation, Kernel, Overlap, input_, output
from tinygen.ops.pad import paddings

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node


@dataclass(frozen=True)
class Axis:
    """A loop over ``count`` parts of the input, and the bytes to fill before and behind them."""

    count: int
    before: int
    behind: int


def axes(node: Node) -> tuple[list[Axis], int]:
    """Loops, outermost first, and the bytes of the runs that the innermost one moves.

    An axis without padding inside another one is part of its runs, or joined with it.
    """
    shape, pads = node.input(0).shape, paddings(node)
    found: list[Axis] = []
    sizes = zip(shape, pads, dense_steps(node.output.shape), strict=True)
    for size, (before, behind), step in sizes:
        if found and not before and not behind:
            found[-1] = Axis(found[-1].count * size, found[-1].before, found[-1].behind)
        else:
            found.append(Axis(size, before * step, behind * step))
    if not found:
        return [], 1
    last = found.pop()
    return [*found, Axis(1, last.before, last.behind)], last.count


class PadPortable(Kernel):
    """Fills and block moves."""

    name = "pad_portable"
    provider = "tinygen"
    op = "PAD"

    def implement(self, node: Node, core: Core) -> Implementation:
        loops, run = axes(node)
        behind_last = sum(loop.behind for loop in loops)
        runs = node.input(0).size // run
        return Implementation(
            kernel=self,
            params={
                "in_shape": node.input(0).shape,
                "out_shape": node.output.shape,
                "loops": tuple((loop.count, loop.before, loop.behind) for loop in loops),
                "run": run,
                "value": node.output.quant.zero_point,
            },
            label=f"{by(node.input(0).shape)}_to_{by(node.output.shape)}",
            arguments=(input_(), output()),
            overlaps=(Overlap(distance=node.output.size - behind_last - node.input(0).size),),
            cycles=runs * 60.0 + node.output.size * 0.5,
            code_bytes=60 + 30 * len(loops),
            includes=("<string.h>",),
        )


KERNEL = PadPortable()
