"""Check the structure of a .tflite file before anything reads it.

The accessors that FlatBuffers generates for Python follow every offset without a look at where it
leads. A file that passes :func:`verify` can be read with them: every table, vector and string that
:mod:`tinygen.tflite_format.schema` names lies inside the file, and the work that reading it takes
is bounded, however cleverly its parts are shared.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NoReturn

from tinygen.errors import ModelError
from tinygen.tflite_format.schema import TABLES, Field, option_fields

if TYPE_CHECKING:
    from collections.abc import Sequence

IDENTIFIER = b"TFL3"
MAX_FILE_BYTES = 64 << 20
MAX_STRING_BYTES = 1 << 16
MAX_STRUCTURE_BYTES = 4 << 20
"""Bytes of tables, vectors and text, counted once per reference, that a file may make us read.
Constants do not count: they are never copied. The official MLPerf Tiny models stay below 150 KB."""

_TABLE_COST = 64  # an empty table takes work too


def verify(data: bytes) -> None:
    """Show that ``data`` is a well-formed .tflite file.

    Raises ModelError, which names the part of the file that is damaged.
    """
    if len(data) > MAX_FILE_BYTES:
        raise ModelError(
            f"the model file has {len(data)} bytes, more than the {MAX_FILE_BYTES} that tinygen "
            "reads; use a model that fits a microcontroller"
        )
    if len(data) < 8 or data[4:8] != IDENTIFIER:
        raise ModelError(
            "the file is not a .tflite model: the identifier TFL3 is missing at byte 4; "
            "convert the model with TFLite or give tinygen the .keras file"
        )
    _Verifier(data).root()


class _Verifier:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.path: list[str] = []
        self.work = 0

    def root(self) -> None:
        self.path.append("Model")
        self.table(self.target(0), TABLES["Model"])

    def fail(self, what: str) -> NoReturn:
        raise ModelError(
            f"the model file is damaged: {''.join(self.path)} {what}; copy or export it again"
        )

    def inside(self, position: int, nbytes: int, alignment: int) -> None:
        if position < 0 or position + nbytes > len(self.data):
            self.fail(f"at byte {position} reaches outside the {len(self.data)} bytes of the file")
        if position % alignment:
            self.fail(f"at byte {position} is not aligned to {alignment} bytes")

    def spend(self, nbytes: int) -> None:
        self.work += nbytes
        if self.work > MAX_STRUCTURE_BYTES:
            self.fail(f"takes the structure of the model beyond {MAX_STRUCTURE_BYTES} bytes")

    def number(self, code: str, position: int) -> int:
        self.inside(position, struct.calcsize(code), struct.calcsize(code))
        return int(struct.unpack_from(code, self.data, position)[0])

    def target(self, position: int) -> int:
        """Where the offset stored at ``position`` leads."""
        offset = self.number("<I", position)
        if offset == 0:
            self.fail("has an offset of zero")
        self.inside(position + offset, 1, 1)
        return position + offset

    def table(self, position: int, fields: Sequence[Field]) -> None:
        vtable = position - self.number("<i", position)
        vtable_bytes = self.number("<H", vtable)
        table_bytes = self.number("<H", vtable + 2)
        if vtable_bytes < 4 or vtable_bytes % 2 or table_bytes < 4:
            self.fail(f"has an impossible vtable at byte {vtable}")
        self.inside(vtable, vtable_bytes, 2)
        self.inside(position, table_bytes, 4)
        self.spend(table_bytes + _TABLE_COST)
        union_type = 0
        for slot, field in enumerate(fields[: (vtable_bytes - 4) // 2]):
            offset = self.number("<H", vtable + 4 + 2 * slot)
            if offset == 0:
                union_type = 0
                continue
            self.path.append(f".{field.name}")
            width = field.width if field.kind == "scalar" else 4
            if offset < 4 or offset + width > table_bytes:
                self.fail("lies outside its table")
            self.inside(position + offset, width, width)
            if field.kind == "union":
                options = option_fields(union_type)
                if options is not None:
                    self.table(self.target(position + offset), options)
            elif field.kind != "scalar":
                self.reference(self.target(position + offset), field)
            union_type = self.data[position + offset] if width == 1 else 0
            self.path.pop()

    def reference(self, position: int, field: Field) -> None:
        if field.kind == "table":
            self.table(position, TABLES[field.table])
        elif field.kind != "opaque":
            self.vector(position, field)

    def vector(self, position: int, field: Field) -> None:
        length = self.number("<I", position)
        start = position + 4
        # A string ends with a zero byte that its length does not count.
        self.inside(start, length * field.width + (field.kind == "string"), field.width)
        if field.kind == "blob":
            return
        limit = MAX_STRING_BYTES if field.kind == "string" else field.limit
        if length > limit:
            self.fail(f"has {length} elements, more than {limit}")
        self.spend(length * field.width)
        if field.kind == "tables":
            for i in range(length):
                self.path.append(f"[{i}]")
                self.table(self.target(start + 4 * i), TABLES[field.table])
                self.path.pop()
