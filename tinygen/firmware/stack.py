"""The stack that a firmware takes at most: of everything it does outside of exception handlers.

Handlers have a stack of their own. On the program's stack an exception leaves one frame, whatever
the exceptions that come on top of it. Faults that a host provokes on purpose are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.disassembly import disassemble
from tinygen.stack_bound import StackBounds, UnboundedError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from tinygen.cores import Core
    from tinygen.disassembly import Code

# Of an exception: 8 words, 26 with the registers of the FPU, and what aligns it to 8 bytes.
_FRAME_BYTES, _FRAME_BYTES_WITH_FPU = 8 * 4 + 4, 26 * 4 + 4

# What the functions of firmware/ call through pointers. One that is not here has no bound.
_SINK = ("cobs_encode", "frame_send")  # write to the console
_COMMANDS = ("protocol_poll", "handle", "execute", "commands_execute")  # take commands from a table
_LAYERS = ("run_layers", "run_profiled", "run_hashed")  # do one of two things with every layer
_MODEL = (
    *("run", "layer_info", "layer_ticks", "layer_hash"),
    *("run_timed", "run_metered", "infer", "execute", "monitor_poll"),  # of MLPerf Tiny
)
_PROVOKED = "then_provoke_fault"


def firmware_bound(elf: Path, core: Core, network: str) -> int | None:
    """Bytes of stack that a firmware takes at most; None where no bound is known."""
    code = disassemble(elf, core)
    frame = _FRAME_BYTES_WITH_FPU if core.fpu else _FRAME_BYTES
    try:
        return StackBounds(code, lambda name: _callees(code, network, name)).of("main") + frame
    except UnboundedError:
        return None


def _callees(code: Code, network: str, caller: str) -> Collection[int]:
    """What a function of the firmware, or of the network in it, may call through pointers."""
    none: set[int] = set()
    if caller.startswith(f"{network}_invoke"):
        return code.tables.get("layers", none)
    if caller in _SINK:
        return code.starts.get("console_write", none)
    model = code.tables.get("model", none)
    commands = code.tables.get("commands", none)
    if caller in _COMMANDS and commands:
        return commands - code.starts.get(_PROVOKED, none)
    if caller in _LAYERS:
        return model.union(*(code.starts.get(n, none) for n in ("layer_ticks", "layer_hash")))
    return model if caller in _MODEL else none
