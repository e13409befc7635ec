"""The kernels, one file each, found by their folder.

``kernels_for("CONV_2D", "tinygen")`` are the objects defined as ``KERNEL`` in the files of this
folder that compute that operator. A module whose name begins with an underscore is shared code.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

from tinygen.ops import operators, own_operators

if TYPE_CHECKING:
    from tinygen.kernels.base import Kernel

_SHARED = {"base"}


@cache
def kernels() -> dict[str, Kernel]:
    """Every kernel by name, in alphabetical order.

    Raises RuntimeError where a file does not define the kernel that its name promises, or the
    kernel is for an operator that does not exist: a mistake in tinygen.
    """
    computed = operators().keys() | own_operators().keys()
    found: dict[str, Kernel] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
        if module in _SHARED or module.startswith("_"):
            continue
        defined: Kernel | None = getattr(
            importlib.import_module(f"{__name__}.{module}"), "KERNEL", None
        )
        if defined is None or defined.name != module or defined.op not in computed:
            raise RuntimeError(f"tinygen/kernels/{module}.py does not define KERNEL {module!r}")
        found[module] = defined
    return found


def kernels_for(op: str, *providers: str) -> list[Kernel]:
    """The kernels of these providers that compute an operator, in alphabetical order."""
    return [k for k in kernels().values() if k.op == op and k.provider in providers]
