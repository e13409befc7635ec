"""What an operator is: the one place that knows what a TFLite operator means.

An operator's file reads its options, infers its shapes, refuses what is not supported, computes
it in numpy, and draws examples of itself from inside its own contract. Kernels, passes and tests
ask it instead of knowing operators by name.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

import numpy as np

from tinygen.errors import UnsupportedError
from tinygen.ir import Array, Node, Quantization, Shape, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")
INT8, INT32, FLOAT32 = np.dtype(np.int8), np.dtype(np.int32), np.dtype(np.float32)


@dataclasses.dataclass(frozen=True)
class NoOptions:
    """Options of an operator that has none."""


class Draw(Protocol):
    """A source of choices: hypothesis in tests, a seeded generator elsewhere."""

    def integer(self, low: int, high: int) -> int:
        """An integer in [low, high]."""

    def choice(self, options: Sequence[T]) -> T:
        """One of the options."""

    def real(self, low: float, high: float) -> float:
        """A float in [low, high], rounded to float32."""

    def array(self, shape: Shape, low: int, high: int, dtype: np.dtype[Any]) -> Array:
        """An array of integers in [low, high]."""


class Operator(ABC):
    """One TFLite operator.

    ``name`` is TFLite's, and the module is called the same in lower case. ``table`` names the
    FlatBuffer table of its options; ``options_type`` is a frozen dataclass whose fields are that
    table's fields in snake case (``stride_w`` for ``StrideW``): ``int``, ``float``, ``bool``,
    ``tuple[int, ...]``, or ``str`` for the enumerations named in ``enums``.
    """

    name: ClassVar[str]
    table: ClassVar[str | None] = None
    options_type: ClassVar[type[Any]] = NoOptions
    enums: ClassVar[dict[str, str]] = {}

    @abstractmethod
    def check(self, node: Node) -> None:
        """Refuse a node that is outside the contract.

        Raises UnsupportedError through :meth:`refuse`. What passes here is computed exactly by
        :meth:`compute` and has a tinygen kernel.
        """

    @abstractmethod
    def shapes(self, node: Node) -> tuple[Shape, ...]:
        """Shapes of the outputs, from the inputs and options of a checked node."""

    @abstractmethod
    def compute(self, node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
        """Values of the outputs, bit-exact in the numeric profile.

        ``inputs`` has one array per node input, constants included, in the tensors' dtypes.
        """

    @abstractmethod
    def sample(self, draw: Draw) -> Node:
        """A node from inside the contract, with constants filled in, as varied as the contract."""

    def macs(self, node: Node) -> int:
        """Multiply-accumulate operations of one inference, as the literature counts them."""
        return 0

    def refuse(self, node: Node, what: str, instead: str) -> None:
        """Raise UnsupportedError: which layer, ``what`` it asks for, and what to do ``instead``."""
        if len(what) > 200:  # values from a damaged file may be endless
            what = f"{what[:197]}..."
        raise UnsupportedError(f"layer {node.name!r} ({self.name}): {what}; {instead}")

    def require(self, node: Node, condition: bool, what: str, instead: str) -> None:
        """:meth:`refuse` unless the condition holds."""
        if not condition:
            self.refuse(node, what, instead)

    def require_activation(self, node: Node) -> None:
        """Refuse fused activations that have no int8 definition."""
        activation = node.options.fused_activation_function
        self.require(
            node,
            activation in ACTIVATIONS,
            f"the fused activation {activation} has no int8 definition",
            f"use one of {', '.join(ACTIVATIONS)}, or make it a layer of its own",
        )

    def require_factor(self, node: Node, factor: float) -> None:
        """Refuse a requantization factor that does not fit a 32-bit multiplier and shift."""
        self.require(
            node,
            0 < factor < 1 << 30,
            f"its scales ask for a requantization factor of {factor:g}",
            "quantize the model with scales of comparable size",
        )

    def require_int8(self, node: Node, *tensors: Tensor) -> None:
        """Refuse tensors that are not int8 with one usable scale and one zero point."""
        for tensor in tensors:
            self.require(
                node,
                tensor.dtype == INT8
                and tensor.quantization is not None
                and not tensor.quant.per_channel,
                f"tensor {tensor.name!r} is {tensor.dtype}, not int8 quantized as a whole",
                "quantize the model to full int8",
            )
            scale, zero_point = tensor.quant.scale, tensor.quant.zero_point
            self.require(
                node,
                0 < scale < math.inf and -128 <= zero_point <= 127,
                f"tensor {tensor.name!r} has scale {scale:g} and zero point {zero_point}",
                "quantize the model with positive scales and int8 zero points",
            )


def quantized(
    name: str, shape: Shape, scale: float, zero_point: int, data: Array | None = None
) -> Tensor:
    """An int8 tensor that is quantized as a whole."""
    scale = float(np.float32(scale))
    return Tensor(name, tuple(shape), INT8, Quantization((scale,), (zero_point,)), data)


def draw_quantized(draw: Draw, name: str, shape: Shape, data: Array | None = None) -> Tensor:
    """An int8 activation with a scale and a zero point such as real networks have, and extremes."""
    scale = draw.real(0.002, 0.3)
    return quantized(name, shape, scale, draw.choice((-128, 0, 127, draw.integer(-128, 127))), data)
