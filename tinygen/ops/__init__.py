"""The operators, one file each, found by their folder.

``operator("CONV_2D")`` is the object defined as ``OPERATOR`` in ``conv_2d.py``.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

from tinygen.errors import UnsupportedError

if TYPE_CHECKING:
    from tinygen.ops.base import Operator

_SHARED = {
    "base",
    "elementwise",
    "extremum",
    "lookup",
    "pooling",
    "resizing",
    "sampling",
    "shapes",
    "weights",
    "windows",
}


@cache
def operators() -> dict[str, Operator]:
    """Every operator by its TFLite name, in alphabetical order.

    Raises RuntimeError where a file does not define the operator that its name promises: that is
    a mistake in tinygen, not in a model.
    """
    found: dict[str, Operator] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
        if module in _SHARED:
            continue
        defined: Operator | None = getattr(
            importlib.import_module(f"{__name__}.{module}"), "OPERATOR", None
        )
        if defined is None or defined.name != module.upper():
            raise RuntimeError(f"tinygen/ops/{module}.py does not define OPERATOR {module.upper()}")
        found[defined.name] = defined
    return found


def operator(name: str) -> Operator:
    """The operator of this TFLite name.

    Raises UnsupportedError, with the supported names, when there is none.
    """
    try:
        return operators()[name]
    except KeyError:
        raise UnsupportedError(
            f"operator {name} is not supported; supported are {', '.join(operators())}"
        ) from None
