"""A Cortex-M with its exceptions, under unicorn: what a board's image runs on.

Unicorn executes instructions but has no interrupt controller, so exception entry and return are
done here (Armv7-M Architecture Reference Manual, DDI 0403, B1.5). Interrupts do not nest and have
no priorities; the firmware needs neither.

Time is counted in executed instructions. Nothing from outside reaches the core except while it
sleeps (WFI): so what an inference executes, and every count, is the same in every run.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import unicorn
from unicorn import arm_const as arm

from tinygen.device.emulators import block_counter
from tinygen.device.emulators.peripherals import system_control
from tinygen.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tinygen.boards import Memory
    from tinygen.cores import Core
    from tinygen.device.emulators.image import Image
    from tinygen.device.emulators.peripherals.registers import Registers

_PERIPHERALS = 0x4000_0000
_PERIPHERALS_BYTES = 0x2000_0000
_BLOCK_BYTES = 0x400
_NEVER = 0xFFFF_FFFE  # an address no code lies at
_HARD_FAULT = 3
_SYSTICK = 15
_FIRST_INTERRUPT = 16
_ENGINE_EXCEPTION_RETURN = 8  # EXCP_EXCEPTION_EXIT
_EXCEPTION_RETURN = 0xFFFF_FF00  # return addresses from here on are EXC_RETURN values
_STACKED = (
    *(arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1, arm.UC_ARM_REG_R2, arm.UC_ARM_REG_R3),
    *(arm.UC_ARM_REG_R12, arm.UC_ARM_REG_LR, arm.UC_ARM_REG_PC, arm.UC_ARM_REG_XPSR),
)
_FLOATS = tuple(getattr(arm, f"UC_ARM_REG_S{i}") for i in range(16))
_BASIC_FRAME, _EXTENDED_FRAME = 8 * 4, 26 * 4
_THUMB = 1 << 24
_IT_AND_EXCEPTION = 0x0600_FC00 | 0x1FF
_FPCA = 1 << 2  # in CONTROL
_STANDARD_FRAME = 1 << 4  # in EXC_RETURN
_ALIGNED = 1 << 9  # in a stacked xPSR: a word was skipped to align the frame

# Bits of CFSR.
_IBUSERR, _PRECISERR, _STKERR, _BFARVALID, _UNDEFINSTR = (1 << n for n in (8, 9, 12, 15, 16))
_DATA_ERRORS = (
    unicorn.UC_ERR_READ_UNMAPPED,
    unicorn.UC_ERR_WRITE_UNMAPPED,
    unicorn.UC_ERR_READ_PROT,
    unicorn.UC_ERR_WRITE_PROT,
)
_FETCH_ERRORS = (unicorn.UC_ERR_FETCH_UNMAPPED, unicorn.UC_ERR_FETCH_PROT)


class CortexM:
    """A core with memory, an image in it, and peripherals at their base addresses.

    ``interrupts`` maps interrupt numbers to functions that tell whether their line is active.
    ``reset_hook`` is called on every reset. Raises InputError for a core unicorn cannot emulate.
    """

    def __init__(
        self,
        core: Core,
        memory: Iterable[Memory],
        image: Image,
        peripherals: Mapping[int, Registers],
        interrupts: Mapping[int, Callable[[], bool]],
        reset_hook: Callable[[], None],
    ) -> None:
        if core.unicorn is None:
            raise InputError(f"{core.name} cannot be emulated in process; use QEMU for it")
        self.engine = unicorn.Uc(
            unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS
        )
        self.engine.ctl_set_cpu_model(getattr(arm, f"UC_CPU_ARM_{core.unicorn}"))
        self._floating_point = core.fpu
        self._peripherals = {
            base + offset: (offset, block)
            for base, block in peripherals.items()
            for offset in range(0, block.nbytes, _BLOCK_BYTES)
        }
        self._blocks = (*peripherals.values(),)
        self._interrupts = interrupts
        self._reset_hook = reset_hook
        self._reset_requested = False
        self._returning = False
        self._trapped = False
        self._stop_at: int | None = None
        self._bad_address: int | None = None
        self._map(memory, image)
        self.counter = block_counter.attach(self.engine)
        self.control = system_control.SystemControl(
            lambda: self.counter.instructions, self._request_reset
        )
        self.engine.hook_add(unicorn.UC_HOOK_MEM_INVALID, self._note_address)
        self.engine.hook_add(unicorn.UC_HOOK_INTR, self._exception_from_engine)

    def run(self, sleep: Callable[[], bool]) -> None:
        """Runs the image from reset until ``sleep`` says so.

        ``sleep`` is called whenever the core waits for an interrupt; it returns True when
        something may have happened and False to end.
        """
        self._reset()
        while True:
            pending = self._pending_exception()
            if pending is not None and not self._masked():
                self._enter_exception(pending)
            self._set_stop(pending is not None)
            asleep = self._execute()
            if self._reset_requested:
                self._reset()
            elif self._returning:
                self._leave_exception()
            elif asleep and self._pending_exception() is None and not sleep():
                return

    def read(self, address: int, nbytes: int) -> bytes:
        """Bytes of memory."""
        return bytes(self.engine.mem_read(address, nbytes))

    def restart(self) -> None:
        """Resets the core as soon as may be; any thread may ask for it, whatever the core does."""
        self._request_reset()

    def _map(self, memory: Iterable[Memory], image: Image) -> None:
        for region in memory:
            allowed = unicorn.UC_PROT_ALL
            if region.kind == "flash":
                allowed = unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC
                self._vectors = region.origin
            self.engine.mem_map(region.origin, region.bytes, allowed)
        for segment in image.segments:
            self.engine.mem_write(segment.load_address, segment.data)
        self.engine.mmio_map(
            _PERIPHERALS,
            _PERIPHERALS_BYTES,
            self._read_peripheral,
            None,
            self._write_peripheral,
            None,
        )
        self.engine.mmio_map(
            system_control.BASE,
            system_control.SIZE,
            lambda _, offset, size, __: self.control.read(offset),
            None,
            self._write_control,
            None,
        )

    def _read_peripheral(self, _: Any, offset: int, size: int, __: Any) -> int:
        found = self._peripherals.get(_PERIPHERALS + offset // _BLOCK_BYTES * _BLOCK_BYTES)
        return found[1].read(found[0] + offset % _BLOCK_BYTES) if found else 0

    def _write_peripheral(self, _: Any, offset: int, size: int, value: int, __: Any) -> None:
        found = self._peripherals.get(_PERIPHERALS + offset // _BLOCK_BYTES * _BLOCK_BYTES)
        if found:
            found[1].write(found[0] + offset % _BLOCK_BYTES, value)
            self._set_stop(self._pending_exception() is not None)

    def _write_control(self, _: Any, offset: int, size: int, value: int, __: Any) -> None:
        self.control.write(offset, value)
        self._set_stop(self._pending_exception() is not None)

    def _note_address(self, _: Any, access: int, address: int, *__: Any) -> bool:
        self._bad_address = address
        return False

    def _exception_from_engine(self, engine: unicorn.Uc, number: int, _: Any) -> None:
        # The engine reports a branch to an EXC_RETURN value, and leaves the rest to its owner;
        # so it does with SVC and BKPT, which are faults here.
        self._returning = number == _ENGINE_EXCEPTION_RETURN
        self._trapped = not self._returning
        engine.emu_stop()

    def _request_reset(self) -> None:
        self._reset_requested = True
        self.engine.emu_stop()

    def _reset(self) -> None:
        """RAM keeps its contents, everything else starts afresh."""
        self._reset_hook()
        self._reset_requested = self._returning = False
        for block in (*self._blocks, self.control):
            block.reset()
        stack, entry = struct.unpack("<II", self.engine.mem_read(self._vectors, 8))
        self._write(arm.UC_ARM_REG_XPSR, _THUMB)
        self._write(arm.UC_ARM_REG_CONTROL, 0)
        self._write(arm.UC_ARM_REG_PRIMASK, 0)
        self._write(arm.UC_ARM_REG_SP, stack)
        self._write(arm.UC_ARM_REG_LR, 0xFFFF_FFFF)
        self._write(arm.UC_ARM_REG_PC, entry)

    def _set_stop(self, pending: bool) -> None:
        """Stops the engine when there will be an exception to take."""
        if self._read(arm.UC_ARM_REG_IPSR):
            self._stop_at = None  # the end of the handler is seen in any case
        elif pending:
            # PRIMASK holds it back, and the instruction that lets it through ends a block.
            self._stop_at = self.counter.instructions + 1
        else:
            self._stop_at = self.control.systick_due()
        self.counter.stop_at(self._stop_at)

    def _execute(self) -> bool:
        """Runs until something is to be done; True when that is nothing, as the core sleeps."""
        self._bad_address, self._trapped = None, False
        try:
            self.engine.emu_start(self._read(arm.UC_ARM_REG_PC) | 1, _NEVER)
        except unicorn.UcError as error:
            if self._read(arm.UC_ARM_REG_PC) < _EXCEPTION_RETURN:
                self._fault(error.errno)
            else:
                self._returning = True
            return False
        if self._trapped:
            self._fault(unicorn.UC_ERR_INSN_INVALID)
            return False
        return self._stop_at is None or self.counter.instructions < self._stop_at

    def _masked(self) -> bool:
        return bool(self._read(arm.UC_ARM_REG_PRIMASK) & 1 or self._read(arm.UC_ARM_REG_IPSR))

    def _pending_exception(self) -> int | None:
        due = self.control.systick_due()
        if due is not None and self.counter.instructions >= due:
            return _SYSTICK
        for number, active in self._interrupts.items():
            if active() and self.control.interrupt_enabled(number):
                return _FIRST_INTERRUPT + number
        return None

    def _fault(self, errno: int) -> None:
        """Every fault escalates to HardFault: the firmware enables no other handler."""
        if errno in _DATA_ERRORS:
            self.control.record_fault(_PRECISERR | _BFARVALID, self._bad_address)
        elif errno in _FETCH_ERRORS:
            self.control.record_fault(_IBUSERR, None)
        else:
            self.control.record_fault(_UNDEFINSTR, None)
        if self._read(arm.UC_ARM_REG_IPSR) == _HARD_FAULT:
            self._request_reset()  # lock-up, which a board leaves by its watchdog or its button
            return
        self._enter_exception(_HARD_FAULT)

    def _enter_exception(self, number: int) -> None:
        if number == _SYSTICK:
            self.control.systick_taken()
        xpsr = self._read(arm.UC_ARM_REG_XPSR)
        control = self._read(arm.UC_ARM_REG_CONTROL)
        handler = xpsr & 0x1FF
        extended = self._floating_point and bool(control & _FPCA)
        stack = self._read(arm.UC_ARM_REG_SP)
        frame = (stack - (_EXTENDED_FRAME if extended else _BASIC_FRAME)) & ~7
        values = [self._read(register) for register in _STACKED]
        if frame != stack - (_EXTENDED_FRAME if extended else _BASIC_FRAME):
            values[-1] |= _ALIGNED
        if extended:
            values += [self._read(register) for register in _FLOATS]
            values += [self._read(arm.UC_ARM_REG_FPSCR), 0]
        try:
            self.engine.mem_write(frame, struct.pack(f"<{len(values)}I", *values))
        except unicorn.UcError:  # the stack has run out of its memory
            self.control.record_fault(_STKERR, None)
            number = _HARD_FAULT
        on_process_stack = not handler and control & 2
        back = 0xFFFF_FFE1 | (0 if extended else _STANDARD_FRAME)
        back |= 0 if handler else 0xC if on_process_stack else 0x8
        self._write(arm.UC_ARM_REG_SP, frame)
        # Setting the exception number switches the engine to the main stack.
        self._write(arm.UC_ARM_REG_XPSR, xpsr & ~_IT_AND_EXCEPTION | _THUMB | number)
        self._write(arm.UC_ARM_REG_CONTROL, control & ~_FPCA)
        self._write(arm.UC_ARM_REG_LR, back)
        table = self.control.values.get(system_control.VTOR, self._vectors)
        (entry,) = struct.unpack("<I", self.engine.mem_read(table + 4 * number, 4))
        self._write(arm.UC_ARM_REG_PC, entry)

    def _leave_exception(self) -> None:
        self._returning = False
        back = self._read(arm.UC_ARM_REG_PC)
        process = bool(back & 0x4)
        stack = arm.UC_ARM_REG_PSP if process else arm.UC_ARM_REG_MSP
        frame = self._read(stack)
        extended = not back & _STANDARD_FRAME
        size = _EXTENDED_FRAME if extended else _BASIC_FRAME
        values = struct.unpack(f"<{size // 4}I", self.engine.mem_read(frame, size))
        xpsr = values[7]
        self._write(stack, frame + size + (4 if xpsr & _ALIGNED else 0))
        self._write(arm.UC_ARM_REG_XPSR, xpsr & ~_ALIGNED)
        control = self._read(arm.UC_ARM_REG_CONTROL) & ~_FPCA
        self._write(arm.UC_ARM_REG_CONTROL, control | (_FPCA if extended else 0))
        for register, value in zip(_STACKED[:6], values, strict=False):
            self._write(register, value)
        if extended:
            for register, value in zip(_FLOATS, values[8:], strict=False):
                self._write(register, value)
            self._write(arm.UC_ARM_REG_FPSCR, values[24])
        self._write(arm.UC_ARM_REG_PC, values[6] | 1)

    def _read(self, register: int) -> int:
        return int(self.engine.reg_read(register))

    def _write(self, register: int, value: int) -> None:
        self.engine.reg_write(register, value & 0xFFFF_FFFF)
