"""How deep can the stack get? A bound from object code, over every path through it.

The bound follows the stack pointer instruction by instruction through all branches of a function,
and adds at every call what the callee may need. Code that this cannot be said of (recursion, a
call through a pointer that nothing is known of, a frame of a size that is computed) has no bound.
Library routines in assembly are followed like any other code.

It is that of the code alone: an exception that interrupts it stacks a frame of its own.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from tinygen.disassembly import Code, Instruction, disassemble
from tinygen.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from tinygen.cores import Core

    Resolve = Callable[[str], Collection[int]]

_DEEPEST = 1 << 16  # bytes; code that gets there does so in a loop
_CONDITIONS = "eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le"
_CONDITIONAL = re.compile(
    f"(push|pop|stmdb|ldmia|vpush|vpop|addw?|subw?|mov|strd?|ldrd?|bx|blx|bl|b)({_CONDITIONS})"
)
_COMPARE_AND_BRANCH = re.compile(r"cbn?z|wls(tp\..*)?|le(tp)?")
_JUMP_THROUGH_TABLE = "__gnu_thumb1_case_"  # libgcc's, for cores without TBB
_READS_SP = ("cmp", "cmn", "str")
_REGISTERS = re.compile(r"\{(.*)\}")
_IMMEDIATE = re.compile(r"sp, (?:sp, )?#(-?\d+)$")
_PRE_INDEXED = re.compile(r".*\[sp, #-(\d+)\]!$")
_POST_INDEXED = re.compile(r".*\[sp\], #(\d+)$")


class UnboundedError(BuildError):
    """No bound of the stack is known; the sentence says which function is why."""


class StackBounds:
    """Bounds for the functions of one image.

    ``resolve`` gives what a function of this name may call through pointers.
    """

    def __init__(self, code: Code, resolve: Resolve) -> None:
        self._code = code
        self._resolve = resolve
        self._known: dict[int, int] = {}
        self._open: list[int] = []

    def of(self, name: str) -> int:
        """Bytes of stack that a function and all that it calls take at most.

        Raises BuildError when there is no such function, UnboundedError when there is no bound.
        """
        starts = self._code.starts.get(name)
        if not starts:
            raise BuildError(f"the linked image has no function {name!r}")
        return max(map(self._at, starts))

    def _at(self, entry: int) -> int:
        if entry in self._known:
            return self._known[entry]
        if entry in self._open:
            raise UnboundedError(f"{self._name(entry)} calls itself, so its stack has no bound")
        self._open.append(entry)
        try:
            self._known[entry] = max(
                depth + max(map(self._at, callees), default=0)
                for depth, callees in self._walk(entry)
            )
        finally:
            self._open.pop()
        return self._known[entry]

    def _walk(self, entry: int) -> Iterator[tuple[int, Collection[int]]]:
        """The depth at every instruction that an entry reaches, and what is called there."""
        depths: dict[int, int] = {}
        waiting = [(entry, 0)]
        while waiting:
            address, depth = waiting.pop()
            if depths.get(address, -1) >= depth:
                continue
            if depth > _DEEPEST:
                raise UnboundedError(f"{self._name(entry)} takes stack without end")
            depths[address] = depth
            instruction = self._code.instructions.get(address)
            if instruction is None:
                raise UnboundedError(f"{self._name(entry)} goes on at {address:#x}, which is data")
            behind = max(depth + self._growth(instruction), 0)
            yield max(depth, behind), self._callees(instruction)
            waiting += [(successor, behind) for successor in self._successors(instruction)]

    def _callees(self, instruction: Instruction) -> Collection[int]:
        operation, _ = _unconditional(instruction)
        if operation == "bl" and instruction.target is not None:
            return () if self._is_long_branch(instruction) else (instruction.target,)
        if operation not in ("bx", "blx") or instruction.operands == "lr":
            return ()
        function = self._name(instruction.address).partition(".")[0]
        found = self._resolve(function)
        if not found:
            raise UnboundedError(f"nothing is known of what {function} calls through a pointer")
        return found

    def _successors(self, instruction: Instruction) -> Collection[int]:
        """What may be executed next inside this function, tail calls to others included."""
        operation, conditional = _unconditional(instruction)
        stays = conditional or not _leaves(instruction)
        after = self._after(instruction, operation) if stays else ()
        target = instruction.target
        if target is not None:
            if operation == "b" or _COMPARE_AND_BRANCH.fullmatch(operation):
                return (target, *after)
            if self._is_long_branch(instruction):
                return (target, *after)
            if operation == "bl" and self._name(target).startswith(_JUMP_THROUGH_TABLE):
                return self._labels.get(self._name(instruction.address), ())
        if _jumps_through_table(instruction):
            return (*self._labels.get(self._name(instruction.address), ()), *after)
        return after

    def _is_long_branch(self, instruction: Instruction) -> bool:
        """Whether BL stays in its function: on Armv6-M it reaches further than B."""
        target = instruction.target
        name = self._name(instruction.address)
        return (
            instruction.operation == "bl"
            and target is not None
            and self._name(target) == name
            and target not in self._code.starts[name]
        )

    def _after(self, instruction: Instruction, operation: str) -> Collection[int]:
        after = instruction.after
        if after is None:
            return ()
        # A call at the end of a function is one that does not return.
        ends = self._name(after) != self._name(instruction.address)
        return () if operation == "bl" and ends else (after,)

    @cached_property
    def _starts(self) -> frozenset[int]:
        return frozenset(start for starts in self._code.starts.values() for start in starts)

    @cached_property
    def _labels(self) -> dict[str, list[int]]:
        """By function, what is only reached by jumps: the labels that a table may hold.

        A label that other code runs into as well is missing, but its depth is the same from there.
        """
        entered = {
            i.after
            for i in self._code.instructions.values()
            if i.after is not None and (_unconditional(i)[1] or not _leaves(i))
        }
        labels: dict[str, list[int]] = {}
        for address in self._code.instructions:
            if address not in entered and address not in self._starts:
                labels.setdefault(self._name(address), []).append(address)
        return labels

    def _growth(self, instruction: Instruction) -> int:
        """By how many bytes an instruction makes the stack deeper, at most."""
        operation, conditional = _unconditional(instruction)
        growth = self._change(operation, instruction)
        return max(growth, 0) if conditional else growth

    def _change(self, operation: str, instruction: Instruction) -> int:
        operands = instruction.operands
        if operation in ("push", "vpush") or (operation, operands[:3]) == ("stmdb", "sp!"):
            return _list_bytes(operands)
        if operation in ("pop", "vpop") or (operation, operands[:3]) == ("ldmia", "sp!"):
            return -_list_bytes(operands)
        if moved := _PRE_INDEXED.match(operands):
            return int(moved[1])
        if moved := _POST_INDEXED.match(operands):
            return -int(moved[1])
        if not operands.startswith(("sp,", "sp!")) or operation in _READS_SP:
            return 0
        if operation == "mov" and self._is_frame_pointer(instruction):
            return 0  # no deeper than where it was taken
        if constant := _IMMEDIATE.match(operands):
            return {"add": -1, "sub": 1}[operation.removesuffix("w")] * int(constant[1])
        if operation == "add" and (frame := self._loaded(instruction)) is not None:
            return frame
        raise UnboundedError(
            f"{self._name(instruction.address)} takes stack by '{operation} {operands}'"
        )

    def _loaded(self, instruction: Instruction) -> int | None:
        """The frame that ADD SP, Rn takes on Armv6-M: the negative word Rn was just loaded with."""
        setter = next(self._setters(instruction), None)
        if setter is None or setter.operation != "ldr" or setter.literal is None:
            return None
        return -(setter.literal - ((setter.literal & 0x8000_0000) << 1))

    def _is_frame_pointer(self, instruction: Instruction) -> bool:
        """Whether MOV SP, Rn goes back to a stack pointer that Rn was given, or above it."""
        for setter in self._setters(instruction):
            if setter.operation in ("mov", "add") and ", sp" in setter.operands:
                return True
            if setter.operation != "adds" or setter.operands.count(",") != 1:
                return False
        return False

    def _setters(self, instruction: Instruction) -> Iterator[Instruction]:
        """What writes the register that SP is computed from, the nearest in front first."""
        register = instruction.operands.rpartition(" ")[2]
        start = max(s for s in self._starts if s <= instruction.address)
        for address in range(instruction.address - 2, start - 2, -2):
            earlier = self._code.instructions.get(address)
            if earlier is not None and earlier.operands.startswith(f"{register},"):
                yield earlier

    def _name(self, address: int) -> str:
        return self._code.names.get(address, f"{address:#x}")


def network_bounds(elf: Path, core: Core, network: str) -> StackBounds:
    """Bounds for the functions of a generated network in an image that was linked with it.

    A network calls its layers through one table, and nothing else through pointers.
    """
    code = disassemble(elf, core)
    layers = code.tables.get("layers", ())
    return StackBounds(code, lambda name: layers if name.startswith(f"{network}_invoke") else ())


def network_bound(elf: Path, core: Core, network: str) -> int | None:
    """Bytes of stack that an inference takes at most, whole or layer by layer; None if unknown."""
    try:
        bounds = network_bounds(elf, core, network)
        return max(bounds.of(f"{network}_invoke"), bounds.of(f"{network}_invoke_layer"))
    except UnboundedError:
        return None


def _unconditional(instruction: Instruction) -> tuple[str, bool]:
    """The operation without the condition it is executed under, and whether it has one."""
    found = _CONDITIONAL.fullmatch(instruction.operation)
    return (found[1], True) if found else (instruction.operation, False)


def _jumps_through_table(instruction: Instruction) -> bool:
    """Whether an instruction computes where to go on inside its function."""
    operation, _ = _unconditional(instruction)
    to_pc = instruction.operands.startswith("pc, ") and instruction.operands != "pc, lr"
    returns = operation == "ldr" and instruction.operands.startswith("pc, [sp")
    return operation in ("tbb", "tbh") or (operation in ("mov", "ldr") and to_pc and not returns)


def _leaves(instruction: Instruction) -> bool:
    """Whether an instruction, if it is executed, is not followed by the one behind it."""
    operation, _ = _unconditional(instruction)
    operands = instruction.operands
    if operation in ("pop", "ldmia", "ldr"):
        # LDM from another register cannot be told from a return, and no compiler jumps by one.
        registers = _REGISTERS.search(operands)
        loaded = registers[1].split(", ") if registers else [operands.partition(",")[0]]
        return "pc" in loaded
    if operation == "mov":
        return operands.startswith("pc,")
    return operation in ("b", "bx", "tbb", "tbh", "udf")


def _list_bytes(operands: str) -> int:
    """Size of the registers in a list such as ``{r4, r5, lr}`` or ``{d8-d15}``."""
    found = _REGISTERS.search(operands)
    size = 0
    for item in (found[1] if found else "").split(", "):
        first, _, last = item.partition("-")
        count = int(last[1:]) - int(first[1:]) + 1 if last else 1
        size += count * {"d": 8, "q": 16}.get(first[:1], 4)
    return size
