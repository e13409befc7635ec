"""MEAN in plain C, for every shape, all axes and every core.

Exact: the sum of the definition in another order, begun at minus the zero points of all values;
the operator's check has shown that no partial sum leaves 32 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen.kernels._moves import by, dense_steps, index_expression
from tinygen.kernels.base import Implementation, Kernel, input_, output
from tinygen.ops.mean import axes, count, requantization

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Node

# Neighbouring outputs that are computed together.
BLOCK = 4


@dataclass(frozen=True)
class Loop:
    """How often a loop runs, and how far apart its values lie in the input."""

    count: int
    step: int


def loops(node: Node, *, reduced: bool) -> list[Loop]:
    """Loops over the reduced or over the kept axes, outermost first.

    Axes of length 1 are left out, neighbouring axes of a kind are joined.
    """
    shape, over = node.input(0).shape, axes(node)
    found: list[Loop] = []
    for axis, (size, step) in enumerate(zip(shape, dense_steps(shape), strict=True)):
        if size == 1 or (axis in over) != reduced:
            continue
        if found and found[-1].step == size * step:
            found[-1] = Loop(found[-1].count * size, step)
        else:
            found.append(Loop(size, step))
    return found


class MeanPortable(Kernel):
    """A sum per output; four at a time where neighbouring outputs have neighbouring inputs."""

    name = "mean_portable"
    provider = "tinygen"
    op = "MEAN"

    def implement(self, node: Node, core: Core) -> Implementation:
        x = node.input(0)
        kept, reduced = loops(node, reduced=False), loops(node, reduced=True)
        lanes = kept.pop().count if kept and kept[-1].step == 1 else 1
        multiplier, shift = requantization(node)
        return Implementation(
            kernel=self,
            params={
                "in_shape": x.shape,
                "axes": axes(node),
                "outer": tuple(loop.count for loop in kept),
                "outer_index": index_expression([loop.step for loop in kept]),
                "inner": tuple(loop.count for loop in reduced),
                "inner_steps": tuple(loop.step for loop in reduced),
                "lanes": lanes,
                "block": BLOCK,
                "start": -x.quant.zero_point * count(node),
                "multiplier": multiplier,
                "shift": shift,
                "output_zero_point": node.output.quant.zero_point,
            },
            label=f"{by(x.shape)}_to_{by(node.output.shape)}",
            arguments=(input_(), output()),
            cycles=x.size * 4.0 + node.output.size * 25.0,
            code_bytes=200,
        )


KERNEL = MeanPortable()
