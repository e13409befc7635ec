"""When an inference stops at the exit, and what it answers then.

An exit is an output of the network with the classes of the final one, computed from a part of its
layers. Where its largest value is at least a threshold, the rest is not computed, and the final
output holds the exit's values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from tinygen.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Array, Graph, Node, Tensor

_LARGEST = 127


@dataclass(frozen=True)
class Exit:
    """An exit of a graph with two outputs.

    ``output`` is the index of the exit among them, ``threshold`` a real value, usually a
    probability, and ``stored`` the smallest int8 value that stands for at least that.
    """

    output: int
    threshold: float
    stored: int

    @property
    def final(self) -> int:
        """Index of the output that every inference answers with."""
        return 1 - self.output

    def taken(self, outputs: Sequence[Array]) -> bool:
        """Whether an inference with these values of both outputs stops at the exit."""
        return int(np.max(outputs[self.output])) >= self.stored

    def answers(self, outputs: Sequence[Array]) -> list[Array]:
        """Both outputs as they are in memory after an inference that may stop at the exit.

        ``outputs`` are their values when every layer is computed.
        """
        at_exit = outputs[self.output]
        return [at_exit, at_exit] if self.taken(outputs) else list(outputs)


def make(graph: Graph, output: int, threshold: float) -> Exit:
    """The exit at an output of a graph. Raises ConfigError where that cannot be one."""
    if len(graph.outputs) != 2 or output not in (0, 1):
        raise ConfigError(
            f"[exit] takes output {output}, but model {graph.name!r} has "
            f"{len(graph.outputs)} outputs; an exit is output 0 or 1 of a model with two"
        )
    head, final = graph.outputs[output], graph.outputs[1 - output]
    if _kind(head) != _kind(final) or head.dtype != np.int8 or head.size < 2:
        raise ConfigError(
            f"[exit]: outputs {head.name!r} and {final.name!r} of model {graph.name!r} differ in "
            "shape or quantization, or are not int8 values of several classes; end both in the "
            "same classes and a softmax"
        )
    if len(needed(graph, head)) == len(graph.nodes):
        raise ConfigError(
            f"[exit]: output {output} of model {graph.name!r} needs every layer, so nothing is "
            f"left out when it is taken; name output {1 - output}"
        )
    steps = Fraction(threshold) / Fraction(head.quant.scale)
    stored = max(math.ceil(steps) + head.quant.zero_point, -_LARGEST - 1)
    if stored > _LARGEST:
        real = head.quant.scale * (_LARGEST - head.quant.zero_point)
        raise ConfigError(
            f"[exit] threshold is {threshold:g}, but output {head.name!r} goes up to {real:g} "
            "only; give a lower one"
        )
    return Exit(output, threshold, stored)


def needed(graph: Graph, tensor: Tensor) -> frozenset[Node]:
    """The nodes that a tensor is computed from."""
    wanted = {tensor}
    found = set()
    for node in reversed(graph.nodes):
        if not wanted.isdisjoint(node.outputs):
            found.add(node)
            wanted.update(node.activations)
    return frozenset(found)


def ordered(graph: Graph, exit_: Exit) -> Graph:
    """The graph with everything that the exit needs in front, and otherwise as it was."""
    first = needed(graph, graph.outputs[exit_.output])
    # What a node needs is needed by the exit as well, so no node comes before its inputs.
    return graph.replace(nodes=tuple(sorted(graph.nodes, key=lambda node: node not in first)))


def _kind(tensor: Tensor) -> tuple[object, ...]:
    return (tensor.shape, tensor.dtype, tensor.quantization)
