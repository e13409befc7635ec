"""Operator options between FlatBuffer tables and the operators' dataclasses, by field name."""

from __future__ import annotations

import dataclasses
import importlib
import typing
from typing import TYPE_CHECKING, Any

import tflite

from tinygen.errors import ModelError

if TYPE_CHECKING:
    import flatbuffers

    from tinygen.ops.base import Operator


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _enum(name: str) -> dict[str, int]:
    return {k: v for k, v in vars(getattr(tflite, name)).items() if isinstance(v, int)}


def _module(table: str) -> Any:
    return importlib.import_module(f"tflite.{table}")


def read_options(op: Operator, layer: str, union_type: int, table: Any) -> Any:
    """The operator's options as its dataclass.

    ``table`` is the flatbuffers table of the options union, None when the model has none; then
    the defaults of the format hold. Raises ModelError when the union holds another operator's
    options or an enumeration value that does not exist.
    """
    if op.table is None:
        return op.options_type()
    reader = getattr(_module(op.table), op.table)()
    if table is None:
        return op.options_type()
    if union_type != getattr(tflite.BuiltinOptions, op.table):
        raise ModelError(f"layer {layer!r} ({op.name}) carries the options of another operator")
    reader.Init(table.Bytes, table.Pos)
    types = typing.get_type_hints(op.options_type)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(op.options_type):
        if types[field.name] == tuple[int, ...]:
            accessor = f"{_camel(field.name)}"
            length = getattr(reader, f"{accessor}Length")()
            values[field.name] = tuple(int(getattr(reader, accessor)(i)) for i in range(length))
            continue
        raw = getattr(reader, _camel(field.name))()
        if field.name in op.enums:
            names = {v: k for k, v in _enum(op.enums[field.name]).items()}
            if raw not in names:
                raise ModelError(f"layer {layer!r} ({op.name}): {field.name} has no value {raw}")
            raw = names[raw]
        values[field.name] = types[field.name](raw)
    return op.options_type(**values)


def write_options(op: Operator, options: Any, builder: flatbuffers.Builder) -> tuple[int, int]:
    """Append the options to ``builder``; returns (union type, offset), (0, 0) without options."""
    if op.table is None:
        return 0, 0
    module = _module(op.table)
    types = typing.get_type_hints(op.options_type)
    fields = dataclasses.fields(op.options_type)
    vectors = {}
    for field in fields:
        if types[field.name] == tuple[int, ...]:
            vectors[field.name] = _write_int32_vector(builder, getattr(options, field.name))
    getattr(module, f"{op.table}Start")(builder)
    for field in fields:
        value = vectors.get(field.name, getattr(options, field.name))
        if field.name in op.enums:
            value = _enum(op.enums[field.name])[value]
        getattr(module, f"{op.table}Add{_camel(field.name)}")(builder, value)
    return getattr(tflite.BuiltinOptions, op.table), getattr(module, f"{op.table}End")(builder)


def _write_int32_vector(builder: flatbuffers.Builder, values: tuple[int, ...]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependInt32(value)
    return int(builder.EndVector())
