"""Read an int8 .tflite file into a graph.

The file is untrusted: its structure is verified first, then everything it says is checked against
everything else, and every layer has passed its operator's check before the graph is handed on.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tflite

from tinygen.errors import ModelError, UnsupportedError
from tinygen.frontend.names import Names, layer_name, printable, short_name
from tinygen.frontend.tensors import TensorReader
from tinygen.ir import Graph, Node, Tensor
from tinygen.ops import operators
from tinygen.tflite_format.options import read_options
from tinygen.tflite_format.verifier import MAX_FILE_BYTES, verify

if TYPE_CHECKING:
    import os

SCHEMA_VERSION = 3
MAX_OPERANDS = 1024
OPTIONAL = -1

_OPERATORS = {v: k for k, v in vars(tflite.BuiltinOperator).items() if isinstance(v, int)}


def load(path: str | os.PathLike[str]) -> Graph:
    """The graph in a .tflite file, named after the file.

    Raises ModelError or UnsupportedError as :func:`read` does, and ModelError where the file
    cannot be read at all.
    """
    return read(read_file(path), Path(path).stem)


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a model file that is not too large to be one.

    Raises ModelError where the file cannot be read.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ModelError(
                f"{path} has more than the {MAX_FILE_BYTES} bytes that tinygen reads; "
                "use a model that fits a microcontroller"
            )
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or "it cannot be opened").lower()
        raise ModelError(f"cannot read the model {path}: {reason}; check the path") from error


def read(data: bytes, name: str) -> Graph:
    """The graph in the bytes of a .tflite file; constants are read-only views of ``data``.

    Activations are called after the layer that computes them. Raises ModelError for a damaged or
    contradictory file, UnsupportedError for a sound one that tinygen does not compile.
    """
    verify(data)
    model = tflite.Model.GetRootAsModel(data, 0)
    if model.Version() != SCHEMA_VERSION:
        raise ModelError(
            f"the model has schema version {model.Version()}, not {SCHEMA_VERSION}; "
            "convert it with a current TFLite converter"
        )
    if model.SubgraphsLength() != 1:
        raise UnsupportedError(
            f"the model has {model.SubgraphsLength()} subgraphs; export one inference function "
            "without control flow (IF, WHILE)"
        )
    return _Reader(model).graph(name)


@dataclass(frozen=True)
class _Layer:
    """An operator of the file before its tensors are looked at: indices, checked to be in range."""

    op: str
    name: str
    table: Any
    inputs: list[int]
    outputs: list[int]

    @property
    def where(self) -> str:
        return f"layer {self.name!r} ({self.op})"


class _Reader:
    def __init__(self, model: Any) -> None:
        self.model = model
        self.subgraph = model.Subgraphs(0)
        self.tensors = TensorReader(model, self.subgraph)
        self.names = Names()
        self.values: dict[int, Tensor] = {}
        """Tensors that have a value by now: constants, inputs, outputs of layers read so far."""

    def graph(self, name: str) -> Graph:
        inputs = self.indices(self.subgraph, "Inputs", "the model")
        outputs = self.indices(self.subgraph, "Outputs", "the model")
        if not (self.subgraph.OperatorsLength() and inputs and outputs):
            raise ModelError(
                f"the model has {self.subgraph.OperatorsLength()} layers, {len(inputs)} inputs and "
                f"{len(outputs)} outputs; export a model with at least one of each"
            )
        graph_inputs = tuple(self.graph_input(index) for index in inputs)
        layers = [self.layer(number) for number in range(self.subgraph.OperatorsLength())]
        nodes = tuple(self.node(layer) for layer in layers)
        graph_outputs = self.graph_outputs(inputs, outputs)
        graph = Graph(name, graph_inputs, graph_outputs, nodes)
        _check_float_edges(graph)
        return graph

    def indices(self, table: Any, vector: str, where: str) -> list[int]:
        """A vector of tensor indices, each shown to be in range."""
        length = getattr(table, f"{vector}Length")()
        if length > MAX_OPERANDS:
            raise ModelError(f"{where} has {length} {vector.lower()}; use at most {MAX_OPERANDS}")
        found = [int(getattr(table, vector)(i)) for i in range(length)]
        lowest = OPTIONAL if isinstance(table, tflite.Operator) and vector == "Inputs" else 0
        for index in found:
            if not lowest <= index < self.tensors.count:
                raise ModelError(
                    f"{where} names tensor {index} among its {vector.lower()} where the model has "
                    f"{self.tensors.count} tensors; the file is damaged, export the model again"
                )
        return found

    def graph_input(self, index: int) -> Tensor:
        who = f"input {self.tensors.label(index)!r} of the model"
        if index in self.values:
            raise ModelError(f"{who} is listed twice; export the model with distinct inputs")
        if self.tensors.is_constant(index, "the model's inputs"):
            raise ModelError(f"{who} has a constant value; export the model again")
        name = self.names.unique(short_name(self.tensors.raw_name(index)) or "input")
        tensor = self.tensors.activation(index, name, "the model's inputs")
        if len(tensor.shape) > 1 and tensor.shape[0] != 1:
            raise UnsupportedError(
                f"{who} has batch size {tensor.shape[0]} (shape {tensor.shape}); "
                "export the model with batch size 1"
            )
        self.values[index] = tensor
        return tensor

    def layer(self, number: int) -> _Layer:
        table = self.subgraph.Operators(number)
        if table.OpcodeIndex() >= self.model.OperatorCodesLength():
            raise ModelError(
                f"layer {number} has operator code {table.OpcodeIndex()} of "
                f"{self.model.OperatorCodesLength()}; the file is damaged, export the model again"
            )
        code = self.model.OperatorCodes(table.OpcodeIndex())
        # Old files have only the 8-bit field; new ones fill both, as far as 8 bits reach.
        builtin = max(code.DeprecatedBuiltinCode(), code.BuiltinCode())
        op = _OPERATORS.get(builtin, f"operator {builtin}")
        inputs = self.indices(table, "Inputs", f"layer {number} ({op})")
        outputs = self.indices(table, "Outputs", f"layer {number} ({op})")
        if not outputs:
            raise ModelError(f"layer {number} ({op}) has no output; export the model again")
        constants = [
            self.tensors.raw_name(i)
            for i in inputs
            if i != OPTIONAL and self.tensors.is_constant(i, f"layer {number} ({op})")
        ]
        name = layer_name(op, self.tensors.raw_name(outputs[0]), constants)
        layer = _Layer(op, self.names.unique(name), table, inputs, outputs)
        if op not in operators():
            custom = f" {printable(code.CustomCode())!r}" if op == "CUSTOM" else ""
            raise UnsupportedError(
                f"{layer.where} uses an operator{custom} that tinygen does not compile; rebuild "
                f"that part of the model from the supported operators ({', '.join(operators())})"
            )
        return layer

    def node(self, layer: _Layer) -> Node:
        inputs = tuple(self.operand(layer, index) for index in layer.inputs)
        outputs = tuple(self.result(layer, k, index) for k, index in enumerate(layer.outputs))
        operator = operators()[layer.op]
        options = read_options(
            operator, layer.name, layer.table.BuiltinOptionsType(), layer.table.BuiltinOptions()
        )
        for field, value in dataclasses.asdict(options).items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ModelError(f"{layer.where}: {field} is {value}; export the model again")
        node = Node(layer.op, layer.name, inputs, outputs, options)
        self.check(layer, node)
        self.values.update(zip(layer.outputs, outputs, strict=True))
        return node

    def operand(self, layer: _Layer, index: int) -> Tensor | None:
        if index == OPTIONAL:
            return None
        if index not in self.values:
            if not self.tensors.is_constant(index, layer.where):
                raise ModelError(
                    f"{layer.where} reads tensor {self.tensors.label(index)!r} before any layer "
                    "computes it; export the model with its layers in execution order"
                )
            self.values[index] = self.tensors.constant(index, layer.where)
        tensor = self.values[index]
        if not tensor.is_constant and layer.op != "QUANTIZE":
            _refuse_float(layer.where, tensor)
        return tensor

    def result(self, layer: _Layer, position: int, index: int) -> Tensor:
        label = self.tensors.label(index)
        if index in self.values or index in layer.outputs[:position]:
            raise ModelError(
                f"{layer.where} computes tensor {label!r}, which already has a value; "
                "the file is damaged, export the model again"
            )
        if self.tensors.is_constant(index, layer.where):
            raise ModelError(
                f"{layer.where} computes the constant {label!r}; export the model again"
            )
        # A layer with one output shares its name with it.
        name = layer.name if position == 0 else self.names.unique(f"{layer.name}_{position}")
        tensor = self.tensors.activation(index, name, layer.where)
        if layer.op != "DEQUANTIZE":
            _refuse_float(layer.where, tensor)
        return tensor

    def check(self, layer: _Layer, node: Node) -> None:
        operator = operators()[layer.op]
        try:
            operator.check(node)
            shapes = operator.shapes(node)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            # Operands that are missing or of the wrong rank trip a check up before it can refuse.
            raise ModelError(
                f"{layer.where} has operands or options that contradict each other "
                f"({' '.join(str(error).split()) or type(error).__name__}); export the model again"
            ) from error
        stored = tuple(tensor.shape for tensor in node.outputs)
        if stored != tuple(shapes):
            raise ModelError(
                f"{layer.where} computes {_shapes(shapes)} where the file says {_shapes(stored)}; "
                "export the model again with static shapes"
            )

    def graph_outputs(self, inputs: list[int], outputs: list[int]) -> tuple[Tensor, ...]:
        for k, index in enumerate(outputs):
            where = f"output {self.tensors.label(index)!r} of the model"
            if index in outputs[:k]:
                raise ModelError(f"{where} is listed twice; export the model with distinct outputs")
            if index in inputs:
                raise ModelError(f"{where} is also an input; export the model without it")
            if index not in self.values or self.values[index].is_constant:
                raise ModelError(f"{where} is computed by no layer; export the model without it")
        return tuple(self.values[index] for index in outputs)


def _shapes(shapes: tuple[tuple[int, ...], ...]) -> str:
    return "shape " + ", ".join(str(tuple(shape)) for shape in shapes)


def _refuse_float(where: str, tensor: Tensor) -> None:
    if tensor.dtype.kind == "f":
        raise UnsupportedError(
            f"{where} computes in {tensor.dtype}; quantize the whole model to int8, weights and "
            "activations, with calibration data"
        )


def _check_float_edges(graph: Graph) -> None:
    """Float tensors are inputs that QUANTIZE reads or outputs that DEQUANTIZE writes.

    The operands of every other operator have been refused by now.
    """
    for node in graph.nodes:
        for tensor in (*node.activations, *node.outputs):
            inside = tensor not in graph.inputs and tensor not in graph.outputs
            if tensor.dtype.kind == "f" and inside:
                _refuse_float(f"layer {node.name!r} ({node.op})", tensor)
