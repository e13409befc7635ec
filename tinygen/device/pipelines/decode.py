"""Machine code as a cost table sees it: what kind of instruction, on which registers."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import cache
from typing import Any

import capstone
from capstone import arm


class Kind(enum.Enum):
    """Classes of instructions that cost alike on some core."""

    ALU = "alu"
    SHIFTED = "shifted"  # ALU with a shifted or extended operand, bit fields, saturation
    SIMD = "simd"  # parallel arithmetic without a multiplier
    MULTIPLY = "multiply"  # 32-bit result, no accumulator
    MULTIPLY_ADD = "multiply-add"  # 32-bit result, SMLAD and friends included
    MULTIPLY_LONG = "multiply long"  # 64-bit result
    DIVIDE = "divide"
    LOAD = "load"
    STORE = "store"
    LOAD_DOUBLE = "load double"
    STORE_DOUBLE = "store double"
    LOAD_MULTIPLE = "load multiple"
    STORE_MULTIPLE = "store multiple"
    BRANCH = "branch"
    CALL = "call"
    INDIRECT = "indirect branch"
    TABLE_BRANCH = "table branch"
    IT = "it"
    NOP = "nop"
    BARRIER = "barrier"
    FLOAT = "float"
    FLOAT_MULTIPLY_ADD = "float multiply-add"
    FLOAT_DIVIDE = "float divide"


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    ``reads`` and ``writes`` are register names; of those read, ``address`` are used to form an
    address and ``accumulator`` is added to a product. ``transfers`` counts the registers of a
    multiple load or store. ``jumps`` marks whatever may leave the straight line.
    """

    kind: Kind
    bytes: int
    reads: frozenset[str]
    writes: frozenset[str]
    address: frozenset[str] = frozenset()
    accumulator: frozenset[str] = frozenset()
    transfers: int = 1
    indexed: bool = False
    jumps: bool = False
    conditional: bool = False


def decode(code: bytes, address: int) -> list[Instruction]:
    """The instructions in ``code``; the list ends early where an instruction is not known."""
    return [_instruction(found) for found in _disassembler().disasm(code, address)]


@cache
def _disassembler() -> Any:
    mode = capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS | capstone.CS_MODE_V8
    disassembler = capstone.Cs(capstone.CS_ARCH_ARM, mode)
    disassembler.detail = True
    return disassembler


_NAMES = """
MULTIPLY: mul smmul smmulr smuad smuadx smusd smusdx smulbb smulbt smultb smultt smulwb smulwt usad8
MULTIPLY_ADD: mla mls smlad smladx smlsd smlsdx smlabb smlabt smlatb smlatt smlawb smlawt
MULTIPLY_ADD: smmla smmlar smmls smmlsr usada8
MULTIPLY_LONG: smull umull smlal umlal umaal smlald smlaldx smlsld smlsldx
MULTIPLY_LONG: smlalbb smlalbt smlaltb smlaltt
DIVIDE: sdiv udiv
LOAD: ldr ldrb ldrh ldrsb ldrsh ldrex ldrexb ldrexh vldr
STORE: str strb strh strex strexb strexh vstr
LOAD_DOUBLE: ldrd
STORE_DOUBLE: strd
LOAD_MULTIPLE: ldm ldmdb pop vldmia vldmdb vpop
STORE_MULTIPLE: stm stmdb push vstmia vstmdb vpush
BRANCH: b cbz cbnz
CALL: bl
INDIRECT: bx blx
TABLE_BRANCH: tbb tbh
IT: it
NOP: nop hint pld
BARRIER: dsb dmb isb mrs msr cps svc bkpt wfi wfe
SHIFTED: lsl lsr asr ror rrx bfi bfc sbfx ubfx ssat usat ssat16 usat16 pkhbt pkhtb
SHIFTED: sxtb sxth uxtb uxth sxtab sxtah uxtab uxtah sxtb16 uxtb16 sxtab16 uxtab16
SIMD: sadd16 ssub16 sadd8 ssub8 uadd16 usub16 uadd8 usub8 shadd16 shsub16 shadd8 shsub8
SIMD: uhadd16 uhadd8 qadd16 qsub16 qadd8 qsub8 uqadd16 uqadd8 sasx ssax qasx qsax
SIMD: qadd qsub qdadd qdsub sel rev rev16 revsh rbit clz
FLOAT_MULTIPLY_ADD: vmla vmls vnmla vnmls vfma vfms vfnma vfnms
FLOAT_DIVIDE: vdiv vsqrt
"""
_KINDS = {
    name: Kind[kind]
    for kind, names in (line.split(":") for line in _NAMES.strip().splitlines())
    for name in names.split()
}
_STORES = {Kind.STORE, Kind.STORE_DOUBLE, Kind.STORE_MULTIPLE}
_FLAGS = {"cpsr", "apsr", "itstate", "fpscr"}
_JUMPS = {Kind.BRANCH, Kind.CALL, Kind.INDIRECT, Kind.TABLE_BRANCH}


def _instruction(found: Any) -> Instruction:
    name = found.insn_name()
    kind = _kind(found, name)
    numbers_read, numbers_written = found.regs_access()
    reads = {found.reg_name(number) for number in numbers_read}
    writes = {found.reg_name(number) for number in numbers_written} - _FLAGS
    listed = [found.reg_name(o.reg) for o in found.operands if o.type == arm.ARM_OP_REG]
    address, indexed, transfers = _address(found, name)
    if kind in _STORES:
        writes = set()
    elif kind is Kind.LOAD_MULTIPLE:
        writes |= set(listed) - address
    elif kind is Kind.SHIFTED:
        reads |= set(listed[1:])  # the disassembler forgets the source of SSAT and USAT
    if found.writeback:
        writes |= address if len(address) == 1 else set()
    accumulator: set[str] = set()
    if kind is Kind.MULTIPLY_ADD:
        accumulator = {listed[-1]}
    elif kind is Kind.MULTIPLY_LONG and name not in ("smull", "umull"):
        accumulator = writes
    jumps = kind in _JUMPS or "pc" in writes
    if jumps and kind not in (*_JUMPS, Kind.LOAD, Kind.LOAD_MULTIPLE):
        kind = Kind.INDIRECT
    always = found.cc in (arm.ARM_CC_AL, arm.ARM_CC_INVALID)
    return Instruction(
        kind=kind,
        bytes=found.size,
        reads=frozenset(reads | address | accumulator),
        writes=frozenset(writes - {"pc"}),
        address=frozenset(address),
        accumulator=frozenset(accumulator),
        transfers=transfers,
        indexed=indexed,
        jumps=jumps,
        conditional=jumps and (name in ("cbz", "cbnz") or not always),
    )


def _kind(found: Any, name: str) -> Kind:
    kind = _KINDS.get(name) or (Kind.FLOAT if name.startswith("v") else Kind.ALU)
    shifted = any(operand.shift.type != arm.ARM_SFT_INVALID for operand in found.operands)
    return Kind.SHIFTED if kind is Kind.ALU and shifted else kind


def _address(found: Any, name: str) -> tuple[set[str], bool, int]:
    """Registers that form an address, whether one is an index, registers transferred."""
    for operand in found.operands:
        if operand.type == arm.ARM_OP_MEM:
            numbers = [number for number in (operand.mem.base, operand.mem.index) if number]
            return {found.reg_name(n) for n in numbers}, bool(operand.mem.index), 1
    if _KINDS.get(name) not in (Kind.LOAD_MULTIPLE, Kind.STORE_MULTIPLE):
        return set(), False, 1
    listed = [o.reg for o in found.operands if o.type == arm.ARM_OP_REG]
    implied = name in ("push", "pop", "vpush", "vpop")
    base = "sp" if implied else found.reg_name(listed.pop(0))
    words = sum(2 if found.reg_name(register).startswith("d") else 1 for register in listed)
    return {base}, False, max(words, 1)
