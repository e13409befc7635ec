"""What the kernels of the provider ``cmsis_nn`` share.

Each of them renders one small C function that fills in CMSIS-NN's parameter structs and calls the
routine that CMSIS-NN's own wrapper would choose. Calling it directly lets the linker leave the
routines out that a model does not need.

Facts about CMSIS-NN stated in these files were read from its sources at the pinned commit
(:data:`tinygen.deps.CMSIS_NN_COMMIT`), and each is held by a test that runs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from tinygen.kernels.base import Constant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.cores import Core
    from tinygen.ir import Array, Node, Shape

INCLUDES = ("arm_nnfunctions.h",)
Flavour = Literal["plain", "dsp", "mve"]

# Sizes and window positions pass through int16_t and uint16_t in several routines.
_LARGEST_SIZE = (1 << 15) - 1


def flavour(core: Core) -> Flavour:
    """Which of its three implementations CMSIS-NN compiles for a core."""
    if core.mve:
        return "mve"
    return "dsp" if core.dsp else "plain"


def size_refusal(node: Node) -> str | None:
    """Why the shapes of a node with NHWC data do not fit CMSIS-NN; None if they do."""
    shapes = [tensor.shape for tensor in (node.input(0), node.output)]
    if any(shape[0] != 1 for shape in shapes):
        return "it computes one sample at a time"
    if max(max(shape) for shape in shapes) > _LARGEST_SIZE:
        return f"it counts sizes in 16 bits, up to {_LARGEST_SIZE}"
    return None


def accumulator_refusal(bias: Array, weights: Array, shifts: Array) -> str | None:
    """Why some accumulator might leave 32 bits; None if none can.

    ``weights`` has the output channel first. CMSIS-NN adds the products of stored values, the
    contribution of the zero point and the bias in an order of its own, and every partial sum is at
    most ``|bias| + 256 * sum |weights|``, which the operator's contract keeps inside 32 bits. Where
    the scale asks for a left shift, CMSIS-NN shifts the sum in signed C arithmetic as well.
    """
    magnitude = np.abs(weights.astype(np.int64)).reshape(weights.shape[0], -1).sum(axis=1)
    bound = (np.abs(bias.astype(np.int64)) + 256 * magnitude) << np.maximum(shifts, 0)
    if (bound >= 1 << 31).any():
        return "its accumulator could leave 32 bits"
    return None


def bias_constant(node: Node, channels: int) -> Array:
    """The int32 bias, zeros where the node has none: not every routine takes a null pointer."""
    given = node.optional_input(2)
    return np.zeros(channels, np.int32) if given is None else given.constant


def padded(data: Array, elements: int) -> Array:
    """The array, flat, with this many zeros behind it for a routine that reads past its end."""
    return np.concatenate([data.reshape(-1), np.zeros(elements, data.dtype)])


def channel_constants(
    bias: Array, multipliers: Array, shifts: Array, core: Core, *, whole_vectors: bool = False
) -> tuple[Constant, ...]:
    """Bias, multipliers and shifts of the output channels.

    With ``whole_vectors`` the routine loads them four at a time on Helium, and does not mask the
    last load: they get zeros up to a multiple of four there.
    """
    extra = -len(bias) % 4 if whole_vectors and core.mve else 0
    return (
        Constant("bias", padded(bias.astype(np.int32), extra), "bias"),
        Constant(
            "multipliers",
            padded(multipliers.astype(np.int32), extra),
            "requantization multipliers",
        ),
        Constant("shifts", padded(shifts.astype(np.int32), extra), "requantization shifts"),
    )


def four_dimensions(shape: Shape) -> tuple[int, int, int, int]:
    """A shape of up to four dimensions with ones in front."""
    n, h, w, c = (1,) * (4 - len(shape)) + tuple(shape)
    return n, h, w, c


def product(sizes: Sequence[int]) -> int:
    """Product of sizes, 1 for none."""
    return int(np.prod(sizes, dtype=np.int64))
