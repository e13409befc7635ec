"""Tensors of a .tflite file, checked one by one, as tensors of the graph."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import tflite

from tinygen.errors import ModelError, UnsupportedError
from tinygen.frontend.names import label, printable
from tinygen.ir import Array, Quantization, Shape, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_RANK = 8
MAX_TENSOR_BYTES = 64 << 20

# Scales outside this range come from damage, not from training; inside it no product of three
# scales overflows, whatever the operator.
MIN_SCALE, MAX_SCALE = 2.0**-60, 2.0**60

_TYPE_NAMES = {v: k for k, v in vars(tflite.TensorType).items() if isinstance(v, int)}
_ACTIVATIONS = {"INT8", "INT32", "INT64", "FLOAT32"}
_CONSTANTS = {*_ACTIVATIONS, "INT16"}
_INSTEAD = {
    "FLOAT16": "quantize the whole model to int8 instead of compressing its weights",
    "INT16": "quantize activations to int8",
    "UINT8": "convert the model again with int8 (uint8 is TFLite's old scheme)",
    "INT4": "quantize weights to int8",
}


class TensorReader:
    """Reads tensors of one subgraph on demand.

    Every method takes ``where``, the words that tell a person which layer is being read. Raises
    ModelError where the file contradicts itself, UnsupportedError for types and storage that
    tinygen does not have.
    """

    def __init__(self, model: Any, subgraph: Any) -> None:
        self._model = model
        self._subgraph = subgraph
        self.count: int = subgraph.TensorsLength()

    def raw_name(self, index: int) -> str:
        """The name in the file, made printable; tensors without one are called by their index."""
        return printable(self._subgraph.Tensors(index).Name()) or f"tensor_{index}"

    def label(self, index: int) -> str:
        """The name as messages show it."""
        return label(self.raw_name(index))

    def is_constant(self, index: int, where: str) -> bool:
        """Whether the file holds the tensor's value."""
        return bool(self._buffer(index, where).DataLength())

    def constant(self, index: int, where: str) -> Tensor:
        """A tensor whose value is in the file. The value is a read-only view of the file."""
        table = self._subgraph.Tensors(index)
        what = f"{where}: constant {self.label(index)!r}"
        dtype = self._dtype(table, what, _CONSTANTS)
        shape = self._shape(table, what, dtype)
        data: Array = self._buffer(index, where).DataAsNumpy()
        expected = math.prod(shape) * dtype.itemsize
        if data.size != expected:
            raise ModelError(
                f"{what} has {data.size} bytes where shape {shape} of {dtype} needs {expected}; "
                "the file is damaged, export the model again"
            )
        value = data.view(dtype).reshape(shape)
        quantization = self._quantization(table, shape, dtype, what)
        return Tensor(self.label(index), shape, dtype, quantization, value, index)

    def activation(self, index: int, name: str, where: str) -> Tensor:
        """A tensor that is computed at run time or is an input of the model."""
        table = self._subgraph.Tensors(index)
        what = f"{where}: tensor {self.label(index)!r}"
        if table.IsVariable():
            raise UnsupportedError(
                f"{what} is a variable that keeps its value between inferences; "
                "make the state an input and an output of the model"
            )
        dtype = self._dtype(table, what, _ACTIVATIONS)
        shape = self._shape(table, what, dtype)
        quantization = self._quantization(table, shape, dtype, what)
        if dtype == np.int8 and quantization is None:
            raise UnsupportedError(
                f"{what} is int8 without a scale; quantize the model so that every int8 tensor "
                "has a scale and a zero point"
            )
        return Tensor(name, shape, dtype, quantization, None, index)

    def _buffer(self, index: int, where: str) -> Any:
        number = self._subgraph.Tensors(index).Buffer()
        if number >= self._model.BuffersLength():
            raise ModelError(
                f"{where}: tensor {self.label(index)!r} lies in buffer {number} of "
                f"{self._model.BuffersLength()}; the file is damaged, export the model again"
            )
        buffer = self._model.Buffers(number)
        if buffer.Offset() > 1 or buffer.Size() > 1:
            raise UnsupportedError(
                f"{where}: tensor {self.label(index)!r} lies behind the FlatBuffer, where only "
                "models over 2 GB have their constants; export the model in one FlatBuffer"
            )
        return buffer

    @staticmethod
    def _dtype(table: Any, what: str, allowed: set[str]) -> np.dtype[Any]:
        if table.Sparsity() is not None:
            raise UnsupportedError(f"{what} is stored sparse; export the model with dense weights")
        name = _TYPE_NAMES.get(table.Type(), f"type {table.Type()}")
        if name not in allowed:
            instead = _INSTEAD.get(name, "use int8 tensors")
            raise UnsupportedError(f"{what} is {name.lower()}, which is not supported; {instead}")
        dtype: np.dtype[Any] = np.dtype(name.lower())
        return dtype

    @staticmethod
    def _shape(table: Any, what: str, dtype: np.dtype[Any]) -> Shape:
        rank = table.ShapeLength()
        if rank > MAX_RANK:
            raise UnsupportedError(
                f"{what} has {rank} dimensions, more than {MAX_RANK}; reshape it to fewer"
            )
        shape = tuple(int(table.Shape(i)) for i in range(rank))
        if any(size < 1 for size in shape):
            raise ModelError(
                f"{what} has shape {shape}; give every dimension a fixed size of at least 1"
            )
        if math.prod(shape) * dtype.itemsize > MAX_TENSOR_BYTES:
            raise ModelError(
                f"{what} of shape {shape} takes more than {MAX_TENSOR_BYTES} bytes; "
                "use a model that fits a microcontroller"
            )
        return shape

    @staticmethod
    def _quantization(
        table: Any, shape: Shape, dtype: np.dtype[Any], what: str
    ) -> Quantization | None:
        stored = table.Quantization()
        if stored is None or dtype.kind == "f":
            return None
        if stored.DetailsType():
            raise UnsupportedError(f"{what} has a custom quantization; use TFLite's affine one")
        count, axis = stored.ScaleLength(), stored.QuantizedDimension()
        if count == 0:
            return None
        if not 0 <= axis < max(len(shape), 1):
            raise ModelError(
                f"{what} is quantized along axis {axis} of {len(shape)}; export the model again"
            )
        if stored.ZeroPointLength() != count or (count > 1 and count != shape[axis]):
            raise ModelError(
                f"{what} of shape {shape} has {count} scales and {stored.ZeroPointLength()} zero "
                f"points along axis {axis}; export the model again"
            )
        scales = [float(scale) for scale in stored.ScaleAsNumpy()]
        zero_points = [int(zero_point) for zero_point in stored.ZeroPointAsNumpy()]
        _check_values(scales, zero_points, dtype, what)
        return Quantization(tuple(scales), tuple(zero_points), axis)


def _check_values(
    scales: Sequence[float], zero_points: Sequence[int], dtype: np.dtype[Any], what: str
) -> None:
    for scale in scales:
        # Biases hold products of two scales, and nothing is computed with theirs.
        smallest = MIN_SCALE if dtype == np.int8 else 0.0
        if not smallest < scale < MAX_SCALE:  # also refuses NaN
            raise ModelError(
                f"{what} has the scale {scale:g}, which no quantization gives; "
                "export the model again"
            )
    limits = np.iinfo(dtype)
    for zero_point in zero_points:
        if not limits.min <= zero_point <= limits.max:
            raise ModelError(
                f"{what} has the zero point {zero_point}, which is not a value of {dtype}; "
                "export the model again"
            )
