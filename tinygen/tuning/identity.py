"""What a measurement of a kernel is a measurement of: a digest of everything that ran.

The digest covers the C of the kernel as it was generated, whatever it includes or calls, the values
in its record, and the shapes it was called with. A kernel or a template that changes therefore gets
another digest, and what was measured before does not speak for it.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING

from tinygen import cmsis_nn, deps, paths
from tinygen.codegen import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinygen.cores import Core
    from tinygen.ir import Node, Tensor
    from tinygen.kernels.base import Implementation

_DIGITS = 16


def digest(node: Node, implementation: Implementation, core: Core) -> str:
    """16 hexadecimal digits for one kernel, specialised for one node, as it runs on a core.

    Two nodes that differ in the values of their constants alone have the same.
    """
    state = hashlib.sha256()
    for part in _parts(node, implementation, core):
        state.update(f"{len(part)}:{part}".encode())
    return state.hexdigest()[:_DIGITS]


def described(tensors: tuple[Tensor | None, ...]) -> tuple[str, ...]:
    """Types and shapes of some tensors for a person to read, such as ``int8 1x8x8x16``."""
    return tuple(
        "none" if tensor is None else f"{tensor.dtype.name} {'x'.join(map(str, tensor.shape))}"
        for tensor in tensors
    )


def _parts(node: Node, implementation: Implementation, core: Core) -> Iterator[str]:
    yield node.op
    for tensor in (*node.inputs, *node.outputs):
        yield str(tensor is not None and tensor.is_constant)
    yield from described((*node.inputs, *node.outputs))
    for function in (implementation, *implementation.calls):
        yield _code(function)
        for field in function.record:
            # What a pointer points to is among the constants.
            yield f"{field.name}={field.value if isinstance(field.value, int) else field.ctype}"
    yield repr(implementation.arguments)
    for constant in implementation.constants:
        yield f"{constant.role}{constant.data.dtype.name}{constant.data.shape}"
    yield f"scratch {implementation.scratch_bytes}"
    # The file around all functions sets how the compiler is to optimise.
    for name in sorted({"network.c", *implementation.includes}):
        yield _template(name)
    if implementation.kernel.provider == "cmsis_nn":
        yield _library(core)


def _code(implementation: Implementation) -> str:
    template = environment().get_template(f"kernels/{implementation.kernel.name}.c.j2")
    calls = tuple(f"called_{number}" for number in range(len(implementation.calls)))
    return template.render(
        implementation.params, name="function", record=implementation.record, calls=calls
    )


@cache
def _template(name: str) -> str:
    """The template of a file that kernels share; nothing for a header from elsewhere."""
    path = paths.TEMPLATES / f"{name}.j2"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


@cache
def _library(core: Core) -> str:
    """Which CMSIS-NN is linked, and how it is compiled."""
    found = deps.cmsis_nn()
    return f"{found.commit if found else None} {cmsis_nn.target_flags(core)}"
