"""Which activations share a quantization, and which have one that their operator fixes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from tinygen.compress.scales import asymmetric
from tinygen.errors import ModelError
from tinygen.ir import Graph, Node, Quantization, Tensor
from tinygen.ops import operator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tinygen.compress.scales import Range

SHARED = {
    "AVERAGE_POOL_2D",
    "CONCATENATION",
    "MAXIMUM",
    "MAX_POOL_2D",
    "MINIMUM",
    "PAD",
    "RELU6",
    "RESHAPE",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "SLICE",
    "TRANSPOSE",
}
"""Operators whose inputs and output have one quantization.

RELU6 is among them because tflite-micro clamps without rescaling, which TFLite does; with one
quantization both are right.
"""

FIXED = {
    "LOGISTIC": Quantization((1 / 256,), (-128,)),
    "SOFTMAX": Quantization((1 / 256,), (-128,)),
    "TANH": Quantization((1 / 128,), (0,)),
}
"""Output quantizations laid down by the TFLite quantization specification."""


def separate_fixed(graph: Graph) -> Graph:
    """Put QUANTIZE between a fixed quantization and an operator that shares it with another one.

    A sigmoid's 1/256 must not become the scale of all that it is concatenated with.
    """
    fixed: dict[Tensor, Quantization] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.op in FIXED:
            fixed[node.output] = FIXED[node.op]
        elif node.op in SHARED:
            met = {fixed.get(tensor) for tensor in node.activations}
            if len(met) == 1:
                (only,) = met
                if only is not None:
                    fixed[node.output] = only
            else:
                node, changes = _with_own_quantization(node, fixed)
                nodes += changes
        nodes.append(node)
    return graph.replace(nodes=tuple(nodes))


def _with_own_quantization(
    node: Node, fixed: Mapping[Tensor, Quantization]
) -> tuple[Node, list[Node]]:
    """The node reading from a QUANTIZE per fixed input, and these."""
    inputs: list[Tensor | None] = []
    changes = []
    for index, tensor in enumerate(node.inputs):
        if tensor is None or tensor not in fixed:
            inputs.append(tensor)
            continue
        name = f"{node.name}_input_{index}"
        output = Tensor(name, tensor.shape, tensor.dtype)
        changes.append(
            Node("QUANTIZE", name, (tensor,), (output,), operator("QUANTIZE").options_type())
        )
        inputs.append(output)
    return node.replace(inputs=tuple(inputs)), changes


@dataclass(frozen=True, eq=False)
class Group:
    """Activations that have one quantization, in order of first use; ``fixed`` by an operator."""

    members: tuple[Tensor, ...]
    fixed: Quantization | None

    def united(self, ranges: Mapping[str, Range]) -> Range:
        """The union of the members' ranges, by tensor name.

        Raises ModelError when no member has one.
        """
        known = [ranges[tensor.name] for tensor in self.members if tensor.name in ranges]
        if not known:
            raise ModelError(
                f"tensor {self.members[0].name!r} has no range; "
                "calibrate the model, or give its range"
            )
        return reduce(or_, known)


def groups(graph: Graph) -> tuple[Group, ...]:
    """Every activation of the graph in exactly one group."""
    group: dict[Tensor, list[Tensor]] = {}

    def unite(a: Tensor, b: Tensor) -> None:
        first, second = group[a], group[b]
        if first is not second:
            first += second
            group.update(dict.fromkeys(second, first))

    for tensor in graph.tensors():
        if not tensor.is_constant:
            group[tensor] = [tensor]
    for node in graph.nodes:
        if node.op in SHARED:
            for tensor in node.activations:
                unite(tensor, node.output)
    fixed = {node.output: FIXED[node.op] for node in graph.nodes if node.op in FIXED}
    distinct = {id(members): members for members in group.values()}
    return tuple(
        Group(tuple(members), next((fixed[t] for t in members if t in fixed), None))
        for members in distinct.values()
    )


def assign(graph: Graph, ranges: Mapping[str, Range]) -> dict[Tensor, Quantization]:
    """The quantization of every activation.

    Tensors that share one take the union of their ranges. Raises ModelError for a tensor without
    a range that needs one.
    """
    return {
        tensor: quantization
        for group in groups(graph)
        for quantization in (group.fixed or asymmetric(group.united(ranges)),)
        for tensor in group.members
    }
