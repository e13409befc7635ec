"""Which tables a .tflite file is made of, as far as tinygen reads them.

Every table is a list of fields in the order of their slots, written ``name:kind``:

    u8 i32 f32 ...   a number of that width       [i32]        a vector of numbers
    string           text                         [Tensor]     a vector of tables
    Tensor           a table                      blob         bytes of any number
    union            a table of operator options, whose type is the number in the slot before
    opaque           something that is never read: only where it begins is checked

Fields behind the last one are never read. Source: TFLite's schema.fbs. The tables of operator
options are not listed: the ``tflite`` package, which is generated from that schema, is asked for
them, so that a new operator needs no line here.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import flatbuffers.number_types
import tflite

MAX_ELEMENTS = 1 << 16
MAX_OPTION_ELEMENTS = 64

Kind = Literal["scalar", "scalars", "string", "blob", "table", "tables", "union", "opaque"]


@dataclass(frozen=True)
class Field:
    """One slot of a table: ``width`` is in bytes, per element; ``limit`` in elements."""

    name: str
    kind: Kind
    width: int = 4
    table: str = ""
    limit: int = MAX_ELEMENTS


def _fields(text: str) -> tuple[Field, ...]:
    return tuple(_field(*part.split(":")) for part in text.split())


def _field(name: str, kind: str) -> Field:
    if kind in ("string", "blob", "union", "opaque"):
        return Field(name, kind, width=1 if kind in ("string", "blob") else 4)  # type: ignore[arg-type]
    element = kind.strip("[]")
    vector = element != kind
    if element[0].isupper():
        return Field(name, "tables" if vector else "table", table=element)
    bits = 8 if element == "bool" else int(element[1:])
    return Field(name, "scalars" if vector else "scalar", width=bits // 8)


TABLES: dict[str, tuple[Field, ...]] = {
    "Model": _fields(
        "version:u32 operator_codes:[OperatorCode] subgraphs:[SubGraph] description:string "
        "buffers:[Buffer] metadata_buffer:[i32] metadata:[Metadata] signature_defs:opaque"
    ),
    "OperatorCode": _fields(
        "deprecated_builtin_code:i8 custom_code:string version:i32 builtin_code:i32"
    ),
    "SubGraph": _fields(
        "tensors:[Tensor] inputs:[i32] outputs:[i32] operators:[Operator] name:string"
    ),
    "Tensor": _fields(
        "shape:[i32] type:i8 buffer:u32 name:string quantization:QuantizationParameters "
        "is_variable:bool sparsity:opaque shape_signature:[i32] has_rank:bool "
        "variant_tensors:opaque"
    ),
    "QuantizationParameters": _fields(
        "min:[f32] max:[f32] scale:[f32] zero_point:[i64] details_type:u8 details:opaque "
        "quantized_dimension:i32"
    ),
    "Operator": _fields(
        "opcode_index:u32 inputs:[i32] outputs:[i32] builtin_options_type:u8 "
        "builtin_options:union custom_options:[u8] custom_options_format:i8 "
        "mutating_variable_inputs:[bool] intermediates:[i32] large_custom_options_offset:u64 "
        "large_custom_options_size:u64 builtin_options_2_type:u8 builtin_options_2:opaque"
    ),
    "Buffer": _fields("data:blob offset:u64 size:u64"),
    "Metadata": _fields("name:string buffer:u32"),
}


class _Recorder:
    """Takes the place of a FlatBuffers builder and notes what it is asked to write."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, method: str) -> Any:
        def note(*arguments: Any) -> int:
            self.calls.append((method, arguments))
            return 0

        return note


@cache
def option_fields(union_type: int) -> tuple[Field, ...] | None:
    """The fields of the options table with this number in the union; None where there is none.

    Only vectors of numbers are followed; no operator that tinygen supports has anything deeper.
    """
    table = next((k for k, v in vars(tflite.BuiltinOptions).items() if v == union_type), "NONE")
    if table == "NONE":
        return None
    module = importlib.import_module(f"tflite.{table}")
    slots: dict[int, Field] = {}
    for name in vars(module):
        added = re.fullmatch(rf"{table}Add(\w+)", name)
        if added:
            recorder = _Recorder()
            getattr(module, name)(recorder, 0)
            ((method, (slot, *_)),) = recorder.calls
            slots[slot] = _option_field(module, table, added[1], method)
    # Slots of fields that the format has given up have no accessor: nothing there is read.
    unread = Field("unread", "scalar", width=1)
    return tuple(slots.get(slot, unread) for slot in range(max(slots, default=-1) + 1))


def _option_field(module: Any, table: str, name: str, method: str) -> Field:
    number = method.removeprefix("Prepend").removesuffix("Slot")
    if number != "UOffsetTRelative":
        flags = getattr(flatbuffers.number_types, f"{number}Flags")
        return Field(name, "scalar", width=flags.bytewidth)
    start = getattr(module, f"{table}Start{name}Vector", None)
    if start is None:
        return Field(name, "opaque")
    recorder = _Recorder()
    start(recorder, 0)
    ((_, (width, *_)),) = recorder.calls
    return Field(name, "scalars", width=width, limit=MAX_OPTION_ELEMENTS)
