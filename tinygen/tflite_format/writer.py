"""Write an :class:`~tinygen.ir.Graph` as a .tflite file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np
import tflite

from tinygen.ops import operator
from tinygen.tflite_format.options import write_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Graph, Quantization, Tensor

SCHEMA_VERSION = 3
TYPES = {
    "float32": tflite.TensorType.FLOAT32,
    "int8": tflite.TensorType.INT8,
    "int16": tflite.TensorType.INT16,
    "int32": tflite.TensorType.INT32,
    "int64": tflite.TensorType.INT64,
}


def write(graph: Graph) -> bytes:
    """The bytes of a .tflite file that holds the graph; the same graph gives the same bytes.

    Tensors are numbered in order of first use, ``Tensor.source`` plays no part.
    """
    builder = flatbuffers.Builder(1 << 16)
    tensors = list(graph.tensors())
    number = {tensor: i for i, tensor in enumerate(tensors)}
    codes = list(dict.fromkeys(node.op for node in graph.nodes))

    # Buffer 0 is empty by convention; every constant has its own.
    constants = [tensor for tensor in tensors if tensor.data is not None]
    buffer_of = {tensor: i + 1 for i, tensor in enumerate(constants)}
    buffers = [_buffer(builder, None)]
    buffers += [_buffer(builder, tensor) for tensor in constants]

    written = [_tensor(builder, tensor, buffer_of.get(tensor, 0)) for tensor in tensors]
    operators = []
    for node in graph.nodes:
        op = operator(node.op)
        inputs = _ints(builder, [-1 if t is None else number[t] for t in node.inputs])
        outputs = _ints(builder, [number[t] for t in node.outputs])
        union, options = write_options(op, node.options, builder)
        tflite.OperatorStart(builder)
        tflite.OperatorAddOpcodeIndex(builder, codes.index(node.op))
        tflite.OperatorAddInputs(builder, inputs)
        tflite.OperatorAddOutputs(builder, outputs)
        if options:
            tflite.OperatorAddBuiltinOptionsType(builder, union)
            tflite.OperatorAddBuiltinOptions(builder, options)
        operators.append(tflite.OperatorEnd(builder))

    tensors_at = _offsets(builder, written)
    inputs_at = _ints(builder, [number[t] for t in graph.inputs])
    outputs_at = _ints(builder, [number[t] for t in graph.outputs])
    operators_at = _offsets(builder, operators)
    name = builder.CreateString(graph.name)
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensors_at)
    tflite.SubGraphAddInputs(builder, inputs_at)
    tflite.SubGraphAddOutputs(builder, outputs_at)
    tflite.SubGraphAddOperators(builder, operators_at)
    tflite.SubGraphAddName(builder, name)
    subgraphs = _offsets(builder, [tflite.SubGraphEnd(builder)])

    codes_at = _offsets(builder, [_operator_code(builder, name) for name in codes])
    buffers_at = _offsets(builder, buffers)
    description = builder.CreateString("tinygen")
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, SCHEMA_VERSION)
    tflite.ModelAddOperatorCodes(builder, codes_at)
    tflite.ModelAddSubgraphs(builder, subgraphs)
    tflite.ModelAddDescription(builder, description)
    tflite.ModelAddBuffers(builder, buffers_at)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def _buffer(builder: flatbuffers.Builder, tensor: Tensor | None) -> int:
    data = None
    if tensor is not None:
        raw = np.ascontiguousarray(tensor.constant).tobytes()
        # Interpreters map constants in place, so they must be aligned in the file.
        builder.StartVector(1, len(raw), 16)
        builder.head = builder.Head() - len(raw)
        builder.Bytes[builder.Head() : builder.Head() + len(raw)] = raw
        data = builder.EndVector()
    tflite.BufferStart(builder)
    if data is not None:
        tflite.BufferAddData(builder, data)
    return int(tflite.BufferEnd(builder))


def _tensor(builder: flatbuffers.Builder, tensor: Tensor, buffer: int) -> int:
    shape = _ints(builder, list(tensor.shape))
    name = builder.CreateString(tensor.name)
    quantization = (
        None if tensor.quantization is None else _quantization(builder, tensor.quantization)
    )
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, shape)
    tflite.TensorAddType(builder, TYPES[tensor.dtype.name])
    tflite.TensorAddBuffer(builder, buffer)
    tflite.TensorAddName(builder, name)
    if quantization is not None:
        tflite.TensorAddQuantization(builder, quantization)
    return int(tflite.TensorEnd(builder))


def _quantization(builder: flatbuffers.Builder, quantization: Quantization) -> int:
    scale = builder.CreateNumpyVector(np.array(quantization.scales, np.float32))
    zero_point = builder.CreateNumpyVector(np.array(quantization.zero_points, np.int64))
    tflite.QuantizationParametersStart(builder)
    tflite.QuantizationParametersAddScale(builder, scale)
    tflite.QuantizationParametersAddZeroPoint(builder, zero_point)
    tflite.QuantizationParametersAddQuantizedDimension(builder, quantization.axis)
    return int(tflite.QuantizationParametersEnd(builder))


def _operator_code(builder: flatbuffers.Builder, name: str) -> int:
    code = getattr(tflite.BuiltinOperator, name)
    tflite.OperatorCodeStart(builder)
    # Codes above 127 do not fit the old 8-bit field, which then holds a marker.
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, min(code, 127))
    tflite.OperatorCodeAddBuiltinCode(builder, code)
    tflite.OperatorCodeAddVersion(builder, 1)
    return int(tflite.OperatorCodeEnd(builder))


def _ints(builder: flatbuffers.Builder, values: Sequence[int]) -> int:
    return int(builder.CreateNumpyVector(np.array(values, np.int32)))


def _offsets(builder: flatbuffers.Builder, offsets: Sequence[Any]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())
