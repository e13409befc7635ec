"""Layers with several inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygen.compress.lowering.emitter import Call, Emitter
    from tinygen.ir import Tensor


def _pairwise(op: str) -> Callable[[Emitter, Call], Tensor]:
    """A layer that combines its inputs two by two, from the first to the last."""

    def lower(emitter: Emitter, call: Call) -> Tensor:
        call.require(
            len(call.inputs) > 1 and len({len(shape) for shape in call.shapes}) == 1,
            f"it combines shapes {', '.join(map(str, call.shapes))}",
            "give it two or more inputs of the same number of axes",
        )
        first, *middle, last = call.inputs
        for index, other in enumerate(middle):
            first = emitter.emit(op, f"{call.name}_{index}", (first, other))
        return emitter.emit(op, call.name, (first, last))

    return lower


def _concatenate(emitter: Emitter, call: Call) -> Tensor:
    if len(call.inputs) == 1:
        return call.input
    axis = call.stored_axis(call.layer.axis)
    call.require(axis != 0, "it concatenates along the batch", "use another axis")
    return emitter.emit("CONCATENATION", call.name, call.inputs, axis=axis)


LAYERS: dict[str, Callable[[Emitter, Call], Tensor]] = {
    "Add": _pairwise("ADD"),
    "Subtract": _pairwise("SUB"),
    "Multiply": _pairwise("MUL"),
    "Maximum": _pairwise("MAXIMUM"),
    "Minimum": _pairwise("MINIMUM"),
    "Concatenate": _concatenate,
}
