"""Render the C of a compiled network from the templates.

Everything a template needs is computed here and handed over as plain values; templates hold the
C text and its loops, and decide nothing.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np

from tinygen import __version__, paths
from tinygen.errors import ConfigError
from tinygen.memory.plan import ALIGNMENT
from tinygen.ops import operator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tinygen.compiler import Layer
    from tinygen.cores import Core
    from tinygen.ir import Array, Graph, Quantization, Tensor
    from tinygen.kernels.base import Argument, Constant, Implementation
    from tinygen.memory.plan import ArenaPlan, Buffer

CTYPES = {
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "uint16": "uint16_t",
    "int32": "int32_t",
    "uint32": "uint32_t",
    "int64": "int64_t",
    "float32": "float",
}
LINE = 96
# Words of the C language, which cannot name a network.
_C_WORDS = frozenset(
    """
    auto break case char const continue default do double else enum extern float for goto if inline
    int long main register restrict return short signed sizeof static struct switch typedef union
    unsigned void volatile while
    """.split()  # noqa: SIM905 - thirty quoted words would hide what this is
)


@cache
def environment() -> jinja2.Environment:
    """The Jinja environment of all templates; an undefined name is an error, never empty text."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(paths.TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - the output is C
    )
    env.filters["hex32"] = lambda value: f"0x{value & 0xFFFFFFFF:08X}"
    return env


def check_name(name: str) -> None:
    """Refuse a prefix that is not a C identifier, or a reserved one, with ConfigError."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in _C_WORDS:
        raise ConfigError(
            f"name {name!r} cannot prefix C names; use lower-case letters, digits and underscores, "
            "beginning with a letter"
        )


def c_name(text: str) -> str:
    """A C identifier part from a layer or tensor name."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "unnamed"


def _unique(names: Sequence[str]) -> list[str]:
    """The names, later duplicates numbered _2, _3 ... without hitting a name that is there."""
    taken: set[str] = set()
    result = []
    for name in names:
        candidate, number = name, 1
        while candidate in taken or (number > 1 and candidate in names):
            number += 1
            candidate = f"{name}_{number}"
        taken.add(candidate)
        result.append(candidate)
    return result


def name_functions(
    graph: Graph, implementations: Sequence[Implementation], offsets: Mapping[Tensor, int]
) -> list[tuple[str, ...]]:
    """The C functions of each node: its own, then those that it calls; none where none is needed.

    Equal specialisations share a function.
    """
    wanted: dict[tuple[str, str], str] = {}
    keys: list[list[tuple[str, str]]] = []
    for node, implementation in zip(graph.nodes, implementations, strict=True):
        in_place = not node.input(0).is_constant and offsets.get(node.input(0)) == offsets.get(
            node.output
        )
        # A network has at least one layer, for C has no empty arrays.
        alone = node is graph.nodes[-1] and not wanted
        if implementation.elides and in_place and not alone:
            keys.append([])
            continue
        functions = (implementation, *implementation.calls)
        keys.append([function.specialisation for function in functions])
        for function in functions:
            suffix = f"_{function.label}" if function.label else ""
            wanted.setdefault(function.specialisation, function.kernel.name + suffix)
    names = dict(zip(wanted, _unique(list(wanted.values())), strict=True))
    return [tuple(names[key] for key in row) for row in keys]


class _Constants:
    """The arrays of weights.c: each distinct content once, named after its first user."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._by_content: dict[tuple[str, bytes], dict[str, Any]] = {}
        self._names: set[str] = set()

    def add(self, name: str, data: Array, comment: str) -> str:
        data = np.ascontiguousarray(data)
        key = (data.dtype.name, data.tobytes())
        if key not in self._by_content:
            full = f"{self._prefix}_{name}"
            while full in self._names:
                full += "_"
            self._names.add(full)
            self._by_content[key] = {
                "name": full,
                "ctype": CTYPES[data.dtype.name],
                "length": max(data.size, 1),
                "bytes": data.nbytes,
                "comment": comment.replace("*/", "* /"),
                "rows": c_rows(data),
            }
        return str(self._by_content[key]["name"])

    @property
    def arrays(self) -> list[dict[str, Any]]:
        return list(self._by_content.values())


def c_rows(data: Array) -> str:
    """Array contents as indented, column-aligned C rows of at most LINE characters."""
    flat = data.reshape(-1)
    if flat.size == 0:
        return "    0"
    if data.dtype.kind == "f":
        # The shortest decimal that reads back as the same float32.
        words = [f"{np.format_float_scientific(value, unique=True)}f" for value in flat]
    elif data.dtype == np.int32 and (flat == np.iinfo(np.int32).min).any():
        # -2147483648 is an expression of a wider type in C.
        words = ["(-2147483647 - 1)" if v == -(1 << 31) else str(v) for v in flat.tolist()]
    else:
        words = [str(value) for value in flat.tolist()]
    width = max(map(len, words))
    per_row = max(1, (LINE - 4) // (width + 2))
    if per_row >= 8:
        per_row -= per_row % 8
    rows = (words[i : i + per_row] for i in range(0, len(words), per_row))
    return "\n".join("    " + ", ".join(word.rjust(width) for word in row) + "," for row in rows)


def _real_formula(quantization: Quantization) -> str:
    scale, zero_point = np.float32(quantization.scale), quantization.zero_point
    if not zero_point:
        return f"{scale} * stored"
    return f"{scale} * (stored {'-' if zero_point > 0 else '+'} {abs(zero_point)})"


def _tensor_context(tensor: Tensor, offset: int) -> dict[str, Any]:
    quantization = tensor.quantization
    return {
        "title": tensor.name.replace("*/", "* /"),
        "ctype": CTYPES[tensor.dtype.name],
        "shape": tensor.shape,
        "real": None if quantization is None else _real_formula(quantization),
        "offset": offset,
        "bytes": tensor.nbytes,
    }


def _role_tensors(layer: Layer, offsets: Mapping[Tensor, int]) -> list[dict[str, Any]]:
    rows = []
    groups = (("input", layer.node.inputs), ("output", layer.node.outputs))
    for role, tensors in groups:
        for index, tensor in enumerate(tensors):
            if tensor is None or tensor.is_constant:
                continue
            at = offsets[tensor]
            rows.append(
                {
                    "role": f"{role} {index}" if len(tensors) > 1 and role == "output" else role,
                    "ctype": CTYPES[tensor.dtype.name],
                    "shape": tensor.shape,
                    "place": f"arena {at} .. {at + tensor.nbytes}",
                }
            )
    if layer.scratch_offset is not None:
        size = layer.implementation.scratch_bytes
        rows.append(
            {
                "role": "scratch",
                "ctype": "uint8_t",
                "shape": (size,),
                "place": f"arena {layer.scratch_offset} .. {layer.scratch_offset + size}",
            }
        )
    return rows


def render(
    name: str,
    core: Core,
    graph: Graph,
    layers: Sequence[Layer],
    offsets: Mapping[Tensor, int],
    plan: ArenaPlan,
    buffers: Sequence[Buffer],
) -> dict[str, str]:
    """File names and contents of the C library."""
    executed = [layer for layer in layers if layer.function is not None]
    constants = _Constants(name)
    cnames = _unique([c_name(layer.node.name) for layer in executed])
    bodies: dict[str, str] = {}
    rows = []
    for layer, cname in zip(executed, cnames, strict=True):
        assert layer.function is not None
        implementation = layer.implementation
        called = zip(layer.calls, implementation.calls, strict=True)
        for function, part in (*called, (layer.function, implementation)):
            if function not in bodies:
                template = environment().get_template(f"kernels/{part.kernel.name}.c.j2")
                calls = layer.calls if part is implementation else ()
                bodies[function] = template.render(
                    part.params, name=function, record=part.record, calls=calls
                )
        packed = {c.role: _add(constants, cname, c) for c in implementation.constants}
        arguments = [
            _argument(argument, layer, cname, offsets, packed, constants)
            for argument in implementation.arguments
        ]
        rows.append(
            {
                "title": layer.node.name.replace("*/", "* /").replace('"', "'").replace("\\", "/"),
                "cname": cname,
                "op": layer.node.op,
                "kernel": implementation.kernel.name,
                "macs": operator(layer.node.op).macs(layer.node),
                "tensors": _role_tensors(layer, offsets),
                "function": layer.function,
                "arguments": arguments,
                "records": _records(layer, cname, packed),
                "uses_arena": any("arena" in argument for argument in arguments),
                "output_offset": offsets[layer.node.output],
                "output_bytes": layer.node.output.nbytes,
            }
        )
    used = sorted({h for layer in executed for h in layer.implementation.includes})
    context = {
        "name": name,
        "prefix": name.upper(),
        "title": graph.name.replace("*/", "* /"),
        "core": core.name,
        "arena_bytes": -(-max(plan.nbytes, 1) // ALIGNMENT) * ALIGNMENT,
        "arena_alignment": ALIGNMENT,
        "inputs": [_tensor_context(t, offsets[t]) for t in graph.inputs],
        "outputs": [_tensor_context(t, offsets[t]) for t in graph.outputs],
        "layers": rows,
        "functions": list(bodies.values()),
        "includes": used,
        "constants": constants.arrays,
        "arena_map": _arena_map(plan, buffers),
    }
    files = {
        f"{name}.h": "network.h.j2",
        f"{name}.c": "network.c.j2",
        "weights.h": "weights.h.j2",
        "weights.c": "weights.c.j2",
    }
    files |= {h: f"{h}.j2" for h in used if (paths.TEMPLATES / f"{h}.j2").is_file()}
    return {
        file: environment().get_template(template).render(network=context, version=__version__)
        for file, template in files.items()
    }


def _add(constants: _Constants, cname: str, constant: Constant) -> str:
    return constants.add(f"{cname}_{constant.role}", constant.data, f"{cname}: {constant.comment}")


def _record_name(cname: str, index: int) -> str:
    """The record of a layer, or with an index from 1 on that of a function that it calls."""
    # No name of a layer has two underscores in a row.
    return f"record_{cname}__{index}" if index else f"record_{cname}"


def _records(layer: Layer, cname: str, packed: Mapping[str, str]) -> list[dict[str, Any]]:
    """The structs that a layer's functions read: their types, names and members."""
    parts = (layer.implementation, *layer.implementation.calls)
    return [
        {
            "type": f"{function}_t",
            "name": _record_name(cname, index),
            "fields": [
                (f.name, f.value if isinstance(f.value, int) else packed[f.value.role])
                for f in part.record
            ],
        }
        for index, (function, part) in enumerate(
            zip((layer.function, *layer.calls), parts, strict=True)
        )
        if part.record
    ]


def _argument(
    argument: Argument,
    layer: Layer,
    cname: str,
    offsets: Mapping[Tensor, int],
    packed: Mapping[str, str],
    constants: _Constants,
) -> str:
    if argument.kind == "constant":
        return packed[argument.role]
    if argument.kind == "record":
        return f"&{_record_name(cname, argument.index)}"
    if argument.kind == "scratch":
        return f"arena + {layer.scratch_offset}"
    if argument.kind == "output":
        tensor = layer.node.outputs[argument.index]
        return f"({CTYPES[tensor.dtype.name]} *)(arena + {offsets[tensor]})"
    tensor = layer.node.input(argument.index)
    if tensor.is_constant:
        role = f"{cname}_input_{argument.index}"
        return constants.add(role, tensor.constant, f"{cname}: input {argument.index}")
    return f"(const {CTYPES[tensor.dtype.name]} *)(arena + {offsets[tensor]})"


def _arena_map(plan: ArenaPlan, buffers: Sequence[Buffer]) -> list[dict[str, Any]]:
    rows = [
        {
            "offset": plan.offsets[b.name],
            "end": plan.offsets[b.name] + b.nbytes,
            "bytes": b.nbytes,
            "first": b.first,
            "last": b.last,
            "name": b.name.replace("*/", "* /"),
        }
        for b in buffers
    ]
    return sorted(rows, key=lambda row: (row["first"], row["offset"], row["name"]))
