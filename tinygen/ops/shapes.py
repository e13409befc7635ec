"""What operators share that read shapes, axes and positions from constant inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygen.ir import Array, Node, Shape, Tensor
from tinygen.ops.base import INT32, Draw, Operator

if TYPE_CHECKING:
    from collections.abc import Sequence

# Ranks that tflite-micro's kernels for moving data can hold.
MAX_RANK = 5


def require_integers(op: Operator, node: Node, index: int, what: str) -> tuple[int, ...]:
    """The values of input ``index``; refuses one that is not a constant int32 tensor."""
    tensor = node.optional_input(index)
    op.require(
        node,
        tensor is not None and tensor.is_constant and tensor.dtype == INT32,
        f"its {what} is not a constant int32 tensor",
        f"export the model with a {what} that is known beforehand",
    )
    return integers(node, index)


def integers(node: Node, index: int) -> tuple[int, ...]:
    """The values of a constant integer input, flattened."""
    return tuple(int(value) for value in node.input(index).constant.reshape(-1))


def require_axis(op: Operator, node: Node, axis: int, rank: int) -> None:
    """Refuse an axis outside [-rank, rank)."""
    op.require(
        node,
        -rank <= axis < rank,
        f"axis {axis} does not exist in a tensor of {rank} dimensions",
        f"use an axis from {-rank} to {rank - 1}",
    )


def require_rank(op: Operator, node: Node, tensor: Tensor, most: int = MAX_RANK) -> None:
    """Refuse a scalar and a tensor of more than ``most`` dimensions."""
    op.require(
        node,
        1 <= len(tensor.shape) <= most,
        f"tensor {tensor.name!r} has {len(tensor.shape)} dimensions",
        f"reshape it to 1 to {most} dimensions",
    )


def integer_tensor(name: str, values: Sequence[int]) -> Tensor:
    """A constant int32 vector, as shape-like inputs are."""
    return Tensor(name, (len(values),), INT32, data=np.array(values, np.int32))


def scalar_tensor(name: str, value: int) -> Tensor:
    """A constant int32 scalar, as an axis is."""
    return Tensor(name, (), INT32, data=np.array(value, np.int32))


def draw_shape(draw: Draw, low: int = 1, high: int = 4, largest: int = 7) -> Shape:
    """A shape of ``low`` to ``high`` dimensions, none of them longer than ``largest``."""
    return tuple(draw.integer(1, largest) for _ in range(draw.integer(low, high)))


def present(inputs: Sequence[Array | None], index: int = 0) -> Array:
    """Input ``index``, which the operator's check has shown to be there."""
    value = inputs[index]
    assert value is not None
    return value
