"""Exact instruction counts of a unicorn engine, per executed block.

Counting runs natively (native/block_counter.c, compiled once per machine with the host's C
compiler), which slows an emulator down by about a third; a callback in Python costs a factor of
a hundred. Without a host compiler the Python callback takes over, with the same figures.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from unicorn import UC_HOOK_BLOCK
from unicorn.unicorn_py3 import unicorn as binding

from tinygen.paths import cache_dir

if TYPE_CHECKING:
    from unicorn import Uc

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
        read_memory = ctypes.cast(binding.uclib.uc_mem_read, ctypes.c_void_p)
        stop = ctypes.cast(binding.uclib.uc_emu_stop, ctypes.c_void_p)
        self._counter = ctypes.c_void_p(library.block_counter_new(read_memory, stop))
        handle = ctypes.c_size_t()
        # The binding's hook_add() accepts Python callables only, so the library is called directly.
        status = binding.uclib.uc_hook_add(
            engine._uch,
            ctypes.byref(handle),
            ctypes.c_int(UC_HOOK_BLOCK),
            ctypes.cast(library.block_entered, ctypes.c_void_p),
            self._counter,
            ctypes.c_uint64(1),
            ctypes.c_uint64(0),  # begin > end: every address
        )
        if status:
            raise RuntimeError(f"unicorn refused the block hook (error {status})")
        # The engine calls into the counter for as long as it lives, and not a moment longer.
        self._engine = engine
        weakref.finalize(engine, library.block_counter_free, self._counter)

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


class PythonBlockCounter:
    """The same counter without a host compiler, at about 8 million instructions a second."""

    def __init__(self, engine: Uc) -> None:
        self.instructions = 0
        self._lengths: dict[tuple[int, int], int] = {}
        self._tallies: dict[tuple[int, int], list[int]] = {}
        self._window = False
        self._stop_at: int | None = None
        self._previous: tuple[int, int] | None = None
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
    """The compiled counter, from the cache or compiled now; None without a host compiler."""
    source = _SOURCE.read_bytes()
    stamp = hashlib.sha256(source + platform.machine().encode()).hexdigest()[:16]
    path = cache_dir() / "helpers" / f"block_counter-{stamp}.so"
    if not path.exists() and not _compile(path):
        return None
    library = ctypes.CDLL(str(path))
    pointer, word = ctypes.c_void_p, ctypes.c_uint32
    library.block_counter_new.restype = pointer
    library.block_counter_new.argtypes = [pointer, pointer]
    library.block_counter_free.argtypes = [pointer]
    library.block_counter_instructions.restype = ctypes.c_uint64
    library.block_counter_instructions.argtypes = [pointer]
    library.block_counter_stop_at.argtypes = [pointer, ctypes.c_uint64]
    library.block_counter_set_window.argtypes = [pointer, word]
    library.block_counter_read.argtypes = [pointer, pointer, word]
    library.block_counter_clear.argtypes = [pointer]
    return library


def _compile(path: Path) -> bool:
    """Whether the counter could be compiled to ``path``, safely against a second process at it."""
    compiler = (
        shlex.split(os.environ.get("CC", ""))
        or [name for name in ("cc", "gcc", "clang") if shutil.which(name)][:1]
    )
    if not compiler:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        fresh = Path(folder) / path.name
        command = [*compiler, "-O2", "-shared", "-fPIC", "-o", str(fresh), str(_SOURCE)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return False
        fresh.replace(path)
    return True
