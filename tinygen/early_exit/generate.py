"""The C that stops at the exit, beside the network's own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tinygen import __version__, codegen
from tinygen.early_exit.decision import Exit, needed

if TYPE_CHECKING:
    from tinygen.compiler import CompiledModel


def layers(compiled: CompiledModel, exit_: Exit) -> int:
    """How many of the executed layers come before the exit is looked at."""
    wanted = needed(compiled.graph, compiled.graph.outputs[exit_.output])
    return 1 + max(i for i, layer in enumerate(compiled.executed) if layer.node in wanted)


def added(compiled: CompiledModel, exit_: Exit) -> CompiledModel:
    """The compiled network with the two files of its exit."""
    context = {
        "name": compiled.name,
        "prefix": compiled.name.upper(),
        "version": __version__,
        "exit": exit_,
        "layers": layers(compiled, exit_),
        "title": compiled.graph.outputs[exit_.output].name.replace("*/", "* /"),
    }
    files = {
        f"{compiled.name}_exit.{kind}": codegen.environment()
        .get_template(f"early_exit/exit.{kind}.j2")
        .render(context)
        for kind in ("h", "c")
    }
    return replace(compiled, files=compiled.files | files)


def has_exit(compiled: CompiledModel) -> bool:
    """Whether :func:`added` was done to it."""
    return f"{compiled.name}_exit.c" in compiled.files
