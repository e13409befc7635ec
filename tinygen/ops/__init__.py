"""The operators, one file each, found by their folder.

``operator("CONV_2D")`` is the object defined as ``OPERATOR`` in ``conv_2d.py``. Those that model
files have lie here, those that only passes make in :mod:`tinygen.ops.own`.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

from tinygen.errors import UnsupportedError
from tinygen.ops import own

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tinygen.ops.base import Operator

_SHARED = {
    "base",
    "elementwise",
    "extremum",
    "lookup",
    "own",
    "pooling",
    "resizing",
    "sampling",
    "shapes",
    "weights",
    "windows",
}


@cache
def operators() -> dict[str, Operator]:
    """Every operator of model files by its TFLite name, in alphabetical order.

    Raises RuntimeError where a file does not define the operator that its name promises: that is
    a mistake in tinygen, not in a model.
    """
    return _defined(__name__, __path__)


@cache
def own_operators() -> dict[str, Operator]:
    """Every operator that only passes make; otherwise like :func:`operators`."""
    return _defined(own.__name__, own.__path__)


def _defined(package: str, folders: Iterable[str]) -> dict[str, Operator]:
    found: dict[str, Operator] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(folders)):
        if module in _SHARED:
            continue
        defined: Operator | None = getattr(
            importlib.import_module(f"{package}.{module}"), "OPERATOR", None
        )
        if defined is None or defined.name != module.upper():
            path = f"{package.replace('.', '/')}/{module}.py"
            raise RuntimeError(f"{path} does not define OPERATOR {module.upper()}")
        found[defined.name] = defined
    return found


def operator(name: str) -> Operator:
    """The operator of this name.

    Raises UnsupportedError, with the supported names, when there is none.
    """
    found = operators().get(name) or own_operators().get(name)
    if found is None:
        raise UnsupportedError(
            f"operator {name} is not supported; supported are {', '.join(operators())}"
        )
    return found
