"""Target object code without a board: call its functions one by one, in process, under unicorn.

This is how generated code is proven as the compiler made it for the target, hand-scheduled
assembly included. There are no peripherals, no start-up code and no interrupts: an ELF file that
was linked with ``-nostartfiles`` at any address, a stack, and memory that the caller allocates.

    target = open_bare(elf, cores.core("cortex-m4"))
    arena = target.allocate(16_000)
    target.write(arena + offset, data)
    result = target.call(target.symbol("network_invoke"), arena)
    target.read(arena + offset, count)

Memory outside the image's segments, the stack and what was allocated is not mapped, so a stray
access ends the call with an error that names the instruction. Allocations lie against the end of
their pages and are fenced with a pattern where a page border cannot be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import unicorn
from elftools.elf.constants import P_FLAGS
from unicorn import arm_const

from tinygen.device import cycles
from tinygen.device.emulators import block_counter
from tinygen.device.emulators.calls import FENCE, PAINT, CallResult, untouched
from tinygen.device.emulators.image import read_image
from tinygen.errors import InputError, ProofError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from tinygen.cores import Core
    from tinygen.device.emulators.bare_qemu import QemuBareTarget
    from tinygen.device.emulators.image import Segment

_PAGE = 0x1000
_RETURN = 0x9000_0000  # a call ends when it returns to here; the core may execute from there
_STACK = 0x8000_0000  # lowest address of the stack
_ALLOCATIONS = 0x6000_0000  # external RAM in Arm's address map: far from code and segments
_ARGUMENTS = tuple(getattr(arm_const, f"UC_ARM_REG_R{i}") for i in range(4))
_PROTECTION = {  # of an ELF segment -> of the emulator
    P_FLAGS.PF_R: unicorn.UC_PROT_READ,
    P_FLAGS.PF_W: unicorn.UC_PROT_WRITE,
    P_FLAGS.PF_X: unicorn.UC_PROT_EXEC,
}
_STRAY = {
    unicorn.UC_MEM_READ_UNMAPPED: "reads unmapped memory",
    unicorn.UC_MEM_WRITE_UNMAPPED: "writes unmapped memory",
    unicorn.UC_MEM_FETCH_UNMAPPED: "jumps to unmapped memory",
    unicorn.UC_MEM_READ_PROT: "reads protected memory",
    unicorn.UC_MEM_WRITE_PROT: "writes read-only memory",
    unicorn.UC_MEM_FETCH_PROT: "executes data",
}


def open_bare(elf: Path, core: Core, timeout: float = 60) -> BareTarget | QemuBareTarget:
    """The image on whichever emulator models the core, as a context manager.

    A call that does not return within ``timeout`` seconds of the host fails.

    Raises BuildError when the file is not a linked Arm ELF image, ToolchainError when the core
    needs QEMU and it is not installed.
    """
    if core.unicorn is not None:
        return BareTarget(elf, core, timeout=timeout)
    from tinygen.device.emulators.bare_qemu import QemuBareTarget

    return QemuBareTarget(elf, core, timeout=timeout)


class BareTarget:
    """One linked image on one core.

    Raises InputError when unicorn has no model of the core, BuildError when the file is not a
    linked Arm ELF image.
    """

    def __init__(
        self, elf: Path, core: Core, stack_bytes: int = 64 * 1024, timeout: float = 60
    ) -> None:
        if core.unicorn is None:
            raise InputError(f"{core.name} cannot be emulated in process; use QEMU for it")
        self._timeout = timeout  # seconds of the host
        self._cycles = cycles.model(core)
        self._engine = unicorn.Uc(
            unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS
        )
        self._engine.ctl_set_cpu_model(getattr(arm_const, f"UC_CPU_ARM_{core.unicorn}"))
        self._image = read_image(elf)
        self._map(self._image.segments)
        self._stack_bytes = -(-stack_bytes // _PAGE) * _PAGE
        self._engine.mem_map(_STACK, self._stack_bytes)
        self._engine.mem_map(_RETURN, _PAGE)
        self._next = _ALLOCATIONS
        self._fences: list[tuple[int, int, str]] = []
        self._stray: str | None = None
        self._engine.hook_add(unicorn.UC_HOOK_MEM_INVALID, self._invalid_access)
        self._counter = block_counter.attach(self._engine)

    def __enter__(self) -> BareTarget:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """There is nothing to end; the engine goes with the object."""

    def _map(self, segments: tuple[Segment, ...]) -> None:
        protection: dict[int, int] = {}
        for segment in segments:
            last = segment.address + segment.nbytes - 1
            for page in range(segment.address // _PAGE, last // _PAGE + 1):
                for flag, allowed in _PROTECTION.items():
                    if segment.flags & flag:
                        protection[page] = protection.get(page, 0) | allowed
        for page, allowed in protection.items():
            self._engine.mem_map(page * _PAGE, _PAGE, allowed)
        for segment in segments:
            self._engine.mem_write(segment.address, segment.data)

    def symbol(self, name: str) -> int:
        """Address of a function (Thumb bit set) or of an object.

        Raises BuildError when the image has no such symbol.
        """
        return self._image.symbol(name)

    def allocate(self, nbytes: int, alignment: int = 16) -> int:
        """Address of fresh zeroed memory, fenced on both sides against stray accesses."""
        pages = -(-(nbytes + alignment) // _PAGE)
        start = self._next + _PAGE  # an unmapped page before, another one after
        end = start + pages * _PAGE
        self._next = end
        self._engine.mem_map(start, pages * _PAGE, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        address = (end - nbytes) // alignment * alignment
        for first, last, side in ((start, address, "before"), (address + nbytes, end, "after")):
            self._engine.mem_write(first, bytes([FENCE]) * (last - first))
            what = f"{side} the {nbytes} bytes allocated at {address:#x}"
            self._fences.append((first, last, what))
        return address

    def write(self, address: int, data: bytes) -> None:
        """Puts bytes into mapped memory."""
        self._engine.mem_write(address, bytes(data))

    def read(self, address: int, nbytes: int) -> bytes:
        """Bytes from mapped memory."""
        return bytes(self._engine.mem_read(address, nbytes))

    def call(self, address: int, *arguments: int) -> CallResult:
        """Calls the function at ``address`` with up to four integer or pointer arguments.

        Raises ProofError, naming address and instruction, when the code touches memory that is
        not its own, executes an undefined instruction, overruns its stack, writes to a fence, or
        does not return in time.
        """
        if len(arguments) > len(_ARGUMENTS):
            raise TypeError("at most four arguments are passed in registers")
        engine = self._engine
        top = _STACK + self._stack_bytes
        engine.mem_write(_STACK, bytes([PAINT]) * self._stack_bytes)
        for register, value in zip(_ARGUMENTS, arguments, strict=False):
            engine.reg_write(register, value & 0xFFFF_FFFF)
        engine.reg_write(arm_const.UC_ARM_REG_SP, top)
        engine.reg_write(arm_const.UC_ARM_REG_LR, _RETURN | 1)
        self._stray = None
        before = self._counter.instructions
        self._counter.clear()
        self._counter.open_window()
        try:
            engine.emu_start(address | 1, _RETURN, timeout=int(self._timeout * 1e6))
        except unicorn.UcError as error:
            undefined = error.errno == unicorn.UC_ERR_INSN_INVALID
            fallback = "executes an undefined instruction" if undefined else str(error)
            raise ProofError(f"{self._where()} {self._stray or fallback}") from error
        finally:
            self._counter.close_window()
        if engine.reg_read(arm_const.UC_ARM_REG_PC) != _RETURN:
            raise ProofError(f"{self._where()} has not returned after {self._timeout:g} s")
        self._check_fences()
        return CallResult(
            instructions=self._counter.instructions - before,
            cycles_modelled=(
                self._cycles.cycles(self._counter.blocks(), self.read) if self._cycles else None
            ),
            stack_bytes=self._stack_bytes - untouched(self.read(_STACK, self._stack_bytes)),
            value=engine.reg_read(arm_const.UC_ARM_REG_R0),
        )

    def blocks(self) -> list[block_counter.Block]:
        """The blocks that the last call executed."""
        return self._counter.blocks()

    @property
    def counter(self) -> block_counter.BlockCounter:
        """What counts the blocks, and can trace them."""
        return self._counter

    @property
    def constant_ranges(self) -> list[tuple[int, int]]:
        """First address and end of what a program has in its flash: code and constants."""
        writable = P_FLAGS.PF_W
        segments = (s for s in self._image.segments if not s.flags & writable)
        return [(segment.address, segment.address + segment.nbytes) for segment in segments]

    def _check_fences(self) -> None:
        for first, last, what in self._fences:
            found = self.read(first, last - first)
            if found.count(FENCE) != len(found):
                at = first + next(i for i, byte in enumerate(found) if byte != FENCE)
                raise ProofError(f"target code wrote to {at:#010x}, {what}")

    def _invalid_access(
        self, engine: unicorn.Uc, access: int, address: int, size: int, *_: Any
    ) -> bool:
        if access in _STRAY:
            self._stray = f"{_STRAY[access]} at {address:#010x} ({size} bytes)"
        return False

    def _where(self) -> str:
        pc = self._engine.reg_read(arm_const.UC_ARM_REG_PC)
        return f"target code at {pc:#010x} ({self._image.function_at(pc)})"
