"""Sources of choices for :meth:`tinygen.ops.base.Operator.sample`, and changes to what it draws."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, TypeVar

import hypothesis.strategies as st
import numpy as np

from tinygen.ir import Array, Quantization, Shape
from tinygen.ops.base import INT8

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


class HypothesisDraw:
    """Choices made, and shrunk, by hypothesis."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def integer(self, low: int, high: int) -> int:
        return self._data.draw(st.integers(low, high))

    def choice(self, options: Sequence[T]) -> T:
        return self._data.draw(st.sampled_from(list(options)))

    def real(self, low: float, high: float) -> float:
        return self._data.draw(st.floats(float(np.float32(low)), float(np.float32(high)), width=32))

    def array(self, shape: Shape, low: int, high: int, dtype: np.dtype[Any]) -> Array:
        seed = self._data.draw(st.integers(0, 2**32 - 1))
        return np.random.default_rng(seed).integers(low, high + 1, shape).astype(dtype)


def with_wide_scales(node, rng):
    """The node with scales from 2**-14 to 2**7 instead of its own; outputs too."""

    def change(tensor):
        if tensor is None or tensor.dtype != INT8 or tensor.quantization is None:
            return tensor
        scales = np.exp2(rng.uniform(-14, 7, len(tensor.quant.scales))).astype(np.float32)
        quantization = dataclasses.replace(
            tensor.quant, scales=tuple(float(scale) for scale in scales)
        )
        return dataclasses.replace(tensor, quantization=quantization)

    changed = {tensor: change(tensor) for tensor in (*node.inputs, *node.outputs)}
    inputs = [changed[tensor] for tensor in node.inputs]
    if node.op == "FULLY_CONNECTED" and len(inputs) == 3:
        # The interpreter refuses a bias whose scale is not the product of the others.
        x, w, bias = inputs
        scales = tuple(float(np.float32(x.quant.scale * scale)) for scale in w.quant.scales)
        inputs[2] = dataclasses.replace(bias, quantization=Quantization(scales, (0,) * len(scales)))
    outputs = tuple(changed[tensor] for tensor in node.outputs)
    return node.replace(inputs=tuple(inputs), outputs=outputs)


def with_powers_of_two(node):
    """The node with scales rounded to powers of two, which makes ties of most products."""

    def change(tensor):
        if tensor is None or tensor.quantization is None:
            return tensor
        scales = tuple(2.0 ** round(math.log2(scale)) for scale in tensor.quant.scales)
        return dataclasses.replace(
            tensor, quantization=dataclasses.replace(tensor.quant, scales=scales)
        )

    changed = {tensor: change(tensor) for tensor in (*node.inputs, *node.outputs)}
    return node.replace(
        inputs=tuple(changed[tensor] for tensor in node.inputs),
        outputs=tuple(changed[tensor] for tensor in node.outputs),
    )
