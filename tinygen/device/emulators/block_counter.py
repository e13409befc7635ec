"""Exact instruction counts of a unicorn engine, per executed block.

Counting runs natively (native/block_counter.c, compiled once per machine with the host's C
compiler), which slows an emulator down by about a third; a callback in Python costs a factor of
a hundred. Without a host compiler the Python callback takes over, with the same figures.
"""

from __future__ import annotations

import ctypes
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from unicorn import UC_HOOK_BLOCK, UC_HOOK_MEM_READ, UC_HOOK_MEM_WRITE, UC_MEM_WRITE
from unicorn.arm_const import UC_ARM_REG_CPSR
from unicorn.unicorn_py3 import unicorn as binding

from tinygen.device import native
from tinygen.device.trace import BLOCK, READ, WRITE, pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt
    from unicorn import Uc

    Sink = Callable[[npt.NDArray[np.uint64]], None]

_TRACED_AT_ONCE = 1 << 20  # events
_IT_STATE = 0x0600_FC00  # of the CPSR
_SOURCE = Path(__file__).parent / "native" / "block_counter.c"


@dataclass(frozen=True)
class Block:
    """A straight run of code and how often it ran while the window was open.

    ``instructions`` is the length of the block, ``taken`` how often it was left by a jump instead
    of falling through to the next address.
    """

    address: int
    bytes: int
    instructions: int
    entered: int
    taken: int


class BlockCounter(Protocol):
    """Counts the blocks an engine executes, from the moment it is made."""

    @property
    def instructions(self) -> int:
        """Instructions executed so far, window or not."""
        ...

    def stop_at(self, instructions: int | None) -> None:
        """Stop the engine before the first block from this total on; None never stops it."""
        ...

    def open_window(self) -> None:
        """Tally blocks from here on."""
        ...

    def close_window(self) -> None:
        """Stop tallying blocks."""
        ...

    def blocks(self) -> list[Block]:
        """The tallied blocks, by address."""
        ...

    def clear(self) -> None:
        """Forget the tallies (the running total stays)."""
        ...

    def start_trace(self, ranges: Iterable[tuple[int, int]], sink: Sink) -> None:
        """Hand ``sink`` pieces of the trace (see trace.py) of what runs in the window.

        Data accesses are those to ``ranges`` of addresses, each from its first to behind its last.
        The engine must not be running, here and in :meth:`end_trace`.
        """
        ...

    def hand_over(self) -> None:
        """Hand over what there is of the next piece."""
        ...

    def end_trace(self) -> None:
        """Hand over the last piece, and trace no more."""
        ...


def attach(engine: Uc) -> BlockCounter:
    """A counter on this engine: native where the host has a C compiler, else in Python."""
    library = _native_library()
    return NativeBlockCounter(engine, library) if library else PythonBlockCounter(engine)


class _CBlock(ctypes.Structure):
    _fields_ = (
        ("address", ctypes.c_uint32),
        ("bytes", ctypes.c_uint32),
        ("instructions", ctypes.c_uint64),
        ("entered", ctypes.c_uint64),
        ("taken", ctypes.c_uint64),
    )


class NativeBlockCounter:
    """The counter in C."""

    def __init__(self, engine: Uc, library: ctypes.CDLL) -> None:
        self._library = library
        calls = ("uc_mem_read", "uc_emu_stop", "uc_reg_read", "uc_reg_write")
        functions = (ctypes.cast(getattr(binding.uclib, c), ctypes.c_void_p) for c in calls)
        self._counter = ctypes.c_void_p(library.block_counter_new(*functions))
        # The engine calls into the counter for as long as it lives, and not a moment longer.
        self._engine = engine
        self._memory_hooks: list[ctypes.c_size_t] = []
        # begin > end: every address
        self._hook(UC_HOOK_BLOCK, library.block_entered, 1, 0)
        weakref.finalize(engine, library.block_counter_free, self._counter)

    def _hook(self, kind: int, function: Any, begin: int, end: int) -> ctypes.c_size_t:
        """Calls a function of the library; the binding's hook_add() accepts Python's only."""
        handle = ctypes.c_size_t()
        status = binding.uclib.uc_hook_add(
            self._engine._uch,
            ctypes.byref(handle),
            ctypes.c_int(kind),
            ctypes.cast(function, ctypes.c_void_p),
            self._counter,
            ctypes.c_uint64(begin),
            ctypes.c_uint64(end),
        )
        if status:
            raise RuntimeError(f"unicorn refused a hook (error {status})")
        return handle

    @property
    def instructions(self) -> int:
        """Instructions executed so far, window or not."""
        return int(self._library.block_counter_instructions(self._counter))

    def stop_at(self, instructions: int | None) -> None:
        """Stop the engine before the first block from this total on; None never stops it."""
        never = (1 << 64) - 1
        self._library.block_counter_stop_at(
            self._counter, never if instructions is None else instructions
        )

    def open_window(self) -> None:
        """Tally blocks from here on."""
        self._library.block_counter_set_window(self._counter, 1)

    def close_window(self) -> None:
        """Stop tallying blocks."""
        self._library.block_counter_set_window(self._counter, 0)

    def blocks(self) -> list[Block]:
        """The tallied blocks, by address."""
        count = self._library.block_counter_read(self._counter, None, 0)
        room = (_CBlock * count)()
        self._library.block_counter_read(self._counter, room, count)
        found = (Block(b.address, b.bytes, b.instructions, b.entered, b.taken) for b in room)
        return sorted(found, key=lambda block: (block.address, block.bytes))

    def clear(self) -> None:
        """Forget the tallies (the running total stays)."""
        self._library.block_counter_clear(self._counter)

    def start_trace(self, ranges: Iterable[tuple[int, int]], sink: Sink) -> None:
        """Hand ``sink`` pieces of the trace of what runs in the window."""
        self._events = np.empty(_TRACED_AT_ONCE, np.uint64)
        self._sink = sink
        self._full = ctypes.CFUNCTYPE(None, ctypes.c_uint32)(self._hand_over)
        kinds = UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE
        for begin, end in ranges:
            hook = self._hook(kinds, self._library.memory_accessed, begin, end - 1)
            self._memory_hooks.append(hook)
        # Code that was translated before does not call them.
        self._engine.ctl_flush_tb()
        self._record()

    def _record(self) -> None:
        self._library.block_counter_trace(
            self._counter,
            self._events.ctypes.data,
            len(self._events),
            ctypes.cast(self._full, ctypes.c_void_p),
        )

    def hand_over(self) -> None:
        """Hand over what there is of the next piece."""
        self._hand_over(self._library.block_counter_traced(self._counter))
        self._record()

    def end_trace(self) -> None:
        """Hand over the last piece, and trace no more."""
        self.hand_over()
        self._library.block_counter_trace(self._counter, None, 0, None)
        for hook in self._memory_hooks:
            binding.uclib.uc_hook_del(self._engine._uch, hook)
        self._memory_hooks.clear()
        self._engine.ctl_flush_tb()

    def _hand_over(self, count: int) -> None:
        self._sink(self._events[:count].copy())


class PythonBlockCounter:
    """The same counter without a host compiler, at about 8 million instructions a second."""

    def __init__(self, engine: Uc) -> None:
        self.instructions = 0
        self._lengths: dict[tuple[int, int], int] = {}
        self._tallies: dict[tuple[int, int], list[int]] = {}
        self._window = False
        self._stop_at: int | None = None
        self._previous: tuple[int, int] | None = None
        self._engine = engine
        self._memory_hooks: list[int] = []
        self._events: list[int] = []
        self._sink: Sink | None = None
        engine.hook_add(UC_HOOK_BLOCK, self._block_entered)

    def _block_entered(self, engine: Uc, address: int, size: int, _: Any) -> None:
        if self._stop_at is not None and self.instructions >= self._stop_at:
            engine.emu_stop()  # this block is entered again when the engine goes on
            return
        if self._previous and sum(self._previous) != address:
            self._tallies[self._previous][1] += 1
        self._previous = None
        key = address, size
        length = self._lengths.get(key)
        if length is None:
            length = self._lengths[key] = count_instructions(engine.mem_read(address, size))
        self.instructions += length
        if self._window:
            self._tallies.setdefault(key, [0, 0])[0] += 1
            self._previous = key
            if self._sink:
                self._record(BLOCK, address, size)

    def _memory_accessed(
        self, engine: Uc, access: int, address: int, size: int, value: int, _: Any
    ) -> None:
        # Why, and why so: leave_it_block() in native/block_counter.c.
        status = engine.reg_read(UC_ARM_REG_CPSR)
        if status & _IT_STATE:
            engine.reg_write(UC_ARM_REG_CPSR, status & ~_IT_STATE)
        if self._window:
            self._record(WRITE if access == UC_MEM_WRITE else READ, address, size)

    def _record(self, kind: int, address: int, size: int) -> None:
        self._events.append(pack(kind, address, size))
        if len(self._events) == _TRACED_AT_ONCE:
            self.hand_over()

    def hand_over(self) -> None:
        """Hand over what there is of the next piece."""
        assert self._sink
        self._sink(np.array(self._events, np.uint64))
        self._events.clear()

    def start_trace(self, ranges: Iterable[tuple[int, int]], sink: Sink) -> None:
        """Hand ``sink`` pieces of the trace of what runs in the window."""
        self._sink = sink
        kinds = UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE
        for begin, end in ranges:
            hook = self._engine.hook_add(kinds, self._memory_accessed, begin=begin, end=end - 1)
            self._memory_hooks.append(hook)
        self._engine.ctl_flush_tb()

    def end_trace(self) -> None:
        """Hand over the last piece, and trace no more."""
        self.hand_over()
        self._sink = None
        for hook in self._memory_hooks:
            self._engine.hook_del(hook)
        self._memory_hooks.clear()
        self._engine.ctl_flush_tb()

    def stop_at(self, instructions: int | None) -> None:
        """Stop the engine before the first block from this total on; None never stops it."""
        self._stop_at = instructions

    def open_window(self) -> None:
        """Tally blocks from here on."""
        self._window, self._previous = True, None

    def close_window(self) -> None:
        """Stop tallying blocks."""
        self._window, self._previous = False, None

    def blocks(self) -> list[Block]:
        """The tallied blocks, by address."""
        return [
            Block(*key, self._lengths[key], entered, taken)
            for key, (entered, taken) in sorted(self._tallies.items())
        ]

    def clear(self) -> None:
        """Forget the tallies (the running total stays)."""
        self._lengths.clear()
        self._tallies.clear()
        self._previous = None


def count_instructions(code: bytes | bytearray) -> int:
    """Thumb instructions in ``code``; Armv7-M A5.1 tells 16-bit from 32-bit encodings."""
    at = count = 0
    while at < len(code):
        at += 4 if code[at + 1] >= 0xE8 else 2
        count += 1
    return count


def _native_library() -> ctypes.CDLL | None:
    """The compiled counter; None without a host compiler."""
    library = native.library(_SOURCE)
    if library is None:
        return None
    pointer, word = ctypes.c_void_p, ctypes.c_uint32
    library.block_counter_new.restype = pointer
    library.block_counter_new.argtypes = [pointer] * 4
    library.block_counter_free.argtypes = [pointer]
    library.block_counter_instructions.restype = ctypes.c_uint64
    library.block_counter_instructions.argtypes = [pointer]
    library.block_counter_stop_at.argtypes = [pointer, ctypes.c_uint64]
    library.block_counter_set_window.argtypes = [pointer, word]
    library.block_counter_read.argtypes = [pointer, pointer, word]
    library.block_counter_clear.argtypes = [pointer]
    library.block_counter_trace.argtypes = [pointer, pointer, word, pointer]
    library.block_counter_traced.argtypes = [pointer]
    return library
