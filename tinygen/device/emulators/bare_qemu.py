"""Target object code without a board for cores that only QEMU models: the Cortex-M55.

The same calls as :class:`~tinygen.device.emulators.bare.BareTarget`, slower: a stopped mps3-an547
is driven over QEMU's GDB stub. The core's own memory protection unit confines the code to its
image, its stack and what was allocated; every fault ends in a breakpoint.
"""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
from typing import TYPE_CHECKING

from elftools.elf.constants import P_FLAGS

from tinygen.device.emulators.calls import FENCE, PAINT, CallResult, untouched
from tinygen.device.emulators.gdb import GdbClient
from tinygen.device.emulators.image import read_image
from tinygen.device.emulators.tied import TiedProcess
from tinygen.errors import BuildError, DeviceError, ProofError, ToolchainError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from tinygen.cores import Core
    from tinygen.device.emulators.image import Segment

PROGRAM = "qemu-system-arm"
_R4, _R5, _R6, _R12, _SP, _PC, _XPSR = 4, 5, 6, 12, 13, 15, 25  # GDB's numbers
_THUMB = 1 << 24

# Memory of the board (Arm AN547): code runs in the first 512 KB, all else lies in its DDR4.
_CODE_BYTES = 0x8_0000
_MONITOR = 0x6000_0000  # vector table and the routine below
_STACK = 0x6100_0000
_ALLOCATIONS = 0x6200_0000
_SYSTEM_COUNTER = 0x5810_0000  # control frame; 64 bits at +8

# Two routines, each of which ends in front of the breakpoint.
_ROUTINES = struct.pack(
    "<14H",
    # Writes r1 words: pairs of address and value from r0 on.
    *(0xC80C,),  # 1: ldmia r0!, {r2, r3}
    *(0x6013,),  #    str r3, [r2]
    *(0x3901,),  #    subs r1, #1
    *(0xD1FB,),  #    bne 1b
    *(0xF3BF, 0x8F4F),  # dsb
    *(0xF3BF, 0x8F6F),  # isb
    *(0xE002,),  #    b 2f
    # Calls r12 between two looks at the counter at r4. The debugger itself cannot look: virtual
    # time may leap when QEMU stops.
    *(0x6825,),  #    ldr r5, [r4]
    *(0x47E0,),  #    blx r12
    *(0x6826,),  #    ldr r6, [r4]
    *(0xBF00,),  # 2: nop, where the breakpoint is
    *(0xE7FE,),  #    b .
)
_POKE = _MONITOR + 0x100
_CALL = _POKE + 18
_STOP = _POKE + 24
_FAULT = _POKE + 26  # every exception goes here
_BETWEEN_LOOKS = 2  # instructions of _CALL that are counted with the function's own
_PAIRS = _MONITOR + 0x200

# Registers of the core (Armv8-M Architecture Reference Manual, DDI 0553).
_VTOR, _CCR, _CFSR, _CPACR = 0xE000_ED08, 0xE000_ED14, 0xE000_ED28, 0xE000_ED88
_MPU_CTRL, _MPU_RNR, _MPU_RBAR, _MPU_RLAR, _MPU_MAIR0 = (
    0xE000_ED94,
    0xE000_ED98,
    0xE000_ED9C,
    0xE000_EDA0,
    0xE000_EDC0,
)
_MMFAR, _BFAR = 0xE000_ED34, 0xE000_ED38
_MMARVALID, _BFARVALID, _UNDEFINED = 1 << 7, 1 << 15, 1 << 16
_GRANULE = 32
_DEBUG_PAGE = 0x400  # the debugger reaches a page if the core may access its first byte
_READ_ONLY, _NO_EXECUTE = 2 << 1, 1 << 0

# 2**7 ns of virtual time an instruction, 31.25 ns a tick of the counter.
_ICOUNT_SHIFT = 7
_COUNTER_HZ = 32_000_000


class QemuBareTarget:
    """One linked image on a Cortex-M55; a context manager that ends QEMU.

    After a call that ended in a fault there is nothing left to call.

    Raises ToolchainError when QEMU is not installed, BuildError when the file is not a linked
    image or does not fit.
    """

    def __init__(
        self, elf: Path, core: Core, stack_bytes: int = 16 * 1024, timeout: float = 60
    ) -> None:
        program = shutil.which(PROGRAM)
        if program is None:
            raise ToolchainError(
                f"{PROGRAM}, which emulates {core.name}, is not installed; run "
                "`apt install qemu-system-arm`"
            )
        self._image = read_image(elf)
        self._core = core
        self._stack_bytes = stack_bytes
        self._timeout = timeout
        self._next = _ALLOCATIONS
        self._called = 0
        self._slack: list[tuple[int, int, str]] = []
        self._regions = 0
        with socket.create_server(("127.0.0.1", 0)) as listener:
            process = TiedProcess(
                _command(program, listener.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
            )
            port = listener.getsockname()[1]
        self._end = process.end
        try:
            self._gdb = GdbClient(port, timeout)
            self._prepare()
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> QemuBareTarget:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends QEMU."""
        self._gdb.close()
        self._end()

    def symbol(self, name: str) -> int:
        """Address of a function (Thumb bit set) or of an object.

        Raises BuildError when the image has no such symbol.
        """
        return self._image.symbol(name)

    def allocate(self, nbytes: int, alignment: int = 16) -> int:
        """Address of fresh zeroed memory, fenced on both sides against stray accesses."""
        rounded = -(-nbytes // _GRANULE) * _GRANULE
        step = max(alignment, _DEBUG_PAGE)
        address = -(-self._next // step) * step
        self._next = address + rounded + _DEBUG_PAGE  # with memory between that is nobody's
        self._poke(self._region(address, rounded, _NO_EXECUTE))
        self._gdb.write(address, bytes(nbytes) + bytes([FENCE]) * (rounded - nbytes))
        what = f"after the {nbytes} bytes allocated at {address:#x}"
        self._slack.append((address + nbytes, address + rounded, what))
        return address

    def write(self, address: int, data: bytes) -> None:
        """Puts bytes into mapped memory."""
        self._gdb.write(address, bytes(data))

    def read(self, address: int, nbytes: int) -> bytes:
        """Bytes from mapped memory."""
        return self._gdb.read(address, nbytes)

    def call(self, address: int, *arguments: int) -> CallResult:
        """Calls the function at ``address`` with up to four integer or pointer arguments.

        Raises ProofError, naming address and instruction, when the code touches memory that is
        not its own, executes an undefined instruction, overruns its stack, writes to a fence, or
        does not return in time.
        """
        if len(arguments) > 4:
            raise TypeError("at most four arguments are passed in registers")
        self._gdb.write(_STACK, bytes([PAINT]) * self._stack_bytes)
        self._called = address & ~1
        self._gdb.write_register(_R4, _SYSTEM_COUNTER + 8)
        self._gdb.write_register(_R12, address | 1)
        self._run(_CALL, arguments)
        ticks = (self._gdb.read_register(_R6) - self._gdb.read_register(_R5)) & 0xFFFF_FFFF
        for first, last, what in self._slack:
            if self.read(first, last - first) != bytes([FENCE]) * (last - first):
                raise ProofError(f"target code wrote {what}")
        stack = self.read(_STACK, self._stack_bytes)
        return CallResult(
            instructions=round(ticks * 1e9 / (_COUNTER_HZ << _ICOUNT_SHIFT)) - _BETWEEN_LOOKS,
            cycles_modelled=None,
            stack_bytes=self._stack_bytes - untouched(stack),
            value=self._gdb.read_register(0),
        )

    def _prepare(self) -> None:
        gdb = self._gdb
        for segment in self._image.segments:
            if segment.address + segment.nbytes > _CODE_BYTES:
                raise BuildError(
                    f"the linked image reaches to {segment.address + segment.nbytes:#x}, but only "
                    f"{_CODE_BYTES // 1024} KB of code and constants can be emulated on "
                    f"{self._core.name}"
                )
            gdb.write(segment.address, segment.data)
        gdb.write(
            _MONITOR, struct.pack("<I", _MONITOR + 0x100) + struct.pack("<I", _FAULT | 1) * 63
        )
        gdb.write(_POKE, _ROUTINES)
        gdb.break_at(_STOP)
        gdb.break_at(_FAULT)
        settings = [
            (_VTOR, _MONITOR),
            (_CPACR, 0xF << 20),  # floating point and Helium
            (_CCR, 1 << 19 | 1 << 9),  # low-overhead loops; 8-byte aligned frames
            (_SYSTEM_COUNTER, 1),  # enable
            (_MPU_MAIR0, 0xFF),  # attribute 0: ordinary memory
        ]
        settings += self._region(_SYSTEM_COUNTER, 0x1000, _NO_EXECUTE)
        settings += self._region(_MONITOR, 0x1000, 0)
        settings += self._region(_STACK, self._stack_bytes, _NO_EXECUTE)
        for segment in self._image.segments:
            settings += self._segment_region(segment)
        self._poke([*settings, (_MPU_CTRL, 1)])

    def _segment_region(self, segment: Segment) -> list[tuple[int, int]]:
        start = segment.address // _GRANULE * _GRANULE
        end = -(-(segment.address + segment.nbytes) // _GRANULE) * _GRANULE
        access = 0 if segment.flags & P_FLAGS.PF_W else _READ_ONLY
        return self._region(start, end - start, access)

    def _region(self, address: int, nbytes: int, access: int) -> list[tuple[int, int]]:
        number = self._regions
        self._regions += 1
        return [
            (_MPU_RNR, number),
            (_MPU_RBAR, address | access),
            (_MPU_RLAR, address + nbytes - _GRANULE | 1),
        ]

    def _poke(self, pairs: list[tuple[int, int]]) -> None:
        """Lets the core itself write its registers, which a debugger cannot reach."""
        words = [word for pair in pairs for word in pair]
        self._gdb.write(_PAIRS, struct.pack(f"<{len(words)}I", *words))
        self._run(_POKE, (_PAIRS, len(pairs)))

    def _run(self, routine: int, arguments: tuple[int, ...]) -> None:
        gdb = self._gdb
        for number, value in enumerate(arguments):
            gdb.write_register(number, value)
        gdb.write_register(_SP, _STACK + self._stack_bytes)
        gdb.write_register(_XPSR, _THUMB)
        gdb.write_register(_PC, routine)
        try:
            in_time = gdb.resume()
        except DeviceError as error:
            function = self._image.function_at(self._called)
            raise ProofError(
                f"target code ({function}) locks the core up, as an overrun of the stack does"
            ) from error
        pc = gdb.read_register(_PC)
        if not in_time:
            raise ProofError(f"{self._where(pc)} has not returned after {self._timeout:g} s")
        if pc == _FAULT:
            raise ProofError(self._describe_fault())

    def _describe_fault(self) -> str:
        frame = self._gdb.read_register(_SP)
        in_stack = _STACK <= frame < _STACK + self._stack_bytes
        if not in_stack:
            return "target code overran its stack"
        (pc,) = struct.unpack("<I", self.read(frame + 24, 4))
        (status,) = struct.unpack("<I", self.read(_CFSR, 4))
        if status & _UNDEFINED:
            return f"{self._where(pc)} executes an undefined instruction"
        for valid, register in ((_MMARVALID, _MMFAR), (_BFARVALID, _BFAR)):
            if status & valid:
                (address,) = struct.unpack("<I", self.read(register, 4))
                return f"{self._where(pc)} accesses memory that is not its own at {address:#010x}"
        return f"{self._where(pc)} faults (CFSR {status:#x})"

    def _where(self, pc: int) -> str:
        return f"target code at {pc:#010x} ({self._image.function_at(pc)})"


def _command(program: str, descriptor: int) -> list[str]:
    return [
        *(program, "-M", "mps3-an547", "-m", "2G", "-S"),
        *("-icount", f"shift={_ICOUNT_SHIFT},sleep=off"),
        *("-nodefaults", "-display", "none", "-monitor", "none"),
        *("-chardev", f"socket,id=gdb,fd={descriptor},server=on,wait=on,nodelay=on"),
        *("-gdb", "chardev:gdb"),
    ]
