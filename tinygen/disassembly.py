"""The instructions of a linked image, as binutils reads them."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from tinygen import toolchain
from tinygen.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from tinygen.cores import Core

_HEAD = re.compile(r"([0-9a-f]+) <(.+)>:$")
_LINE = re.compile(r"\s*([0-9a-f]+):\t(\S+)(?:\t([^@;]*))?(?:[@;] \(([0-9a-f]+) <)?")
_TARGET = re.compile(r"(?:^|, )([0-9a-f]+) <")
_WORD = re.compile(r"0x([0-9a-f]+)")


@dataclass(frozen=True)
class Instruction:
    """One instruction; ``operation`` is its mnemonic without the width of the encoding.

    ``after`` is the address of the instruction that follows, None in front of data. ``literal`` is
    the word that it loads from the literal pool, if it does.
    """

    address: int
    operation: str
    operands: str
    after: int | None
    literal: int | None

    @property
    def target(self) -> int | None:
        """Where a direct branch or call goes."""
        found = _TARGET.search(self.operands)
        return int(found[1], 16) if found else None


@dataclass(frozen=True)
class Code:
    """The code of an image.

    ``instructions`` are in the order of their addresses, ``names`` says which symbol each belongs
    to, and ``starts`` where symbols in code begin; static namesakes begin at several addresses.
    ``tables`` are the functions that words of each object in constants point to, by its name.
    """

    instructions: dict[int, Instruction]
    names: dict[int, str]
    starts: dict[str, set[int]]
    tables: dict[str, set[int]]


def disassemble(elf: Path, core: Core) -> Code:
    """The code of an image that was linked for a core.

    Raises ToolchainError when objdump is not installed, BuildError when it cannot read the file.
    """
    # Without its architecture named, Helium is read as coprocessor instructions.
    machine = ("-m", core.arch) if core.mve else ()
    options = (*machine, "-d", "-z", "--no-show-raw-insn")
    command = [toolchain.arm_tool("objdump"), *options, str(elf)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{elf}: not a linked image that objdump can read: {done.stderr.strip()}")
    lines: list[re.Match[str]] = []
    starts: dict[str, set[int]] = {}
    names: dict[int, str] = {}
    name = ""
    for text in done.stdout.splitlines():
        if head := _HEAD.match(text):
            name = head[2]
            starts.setdefault(name, set()).add(int(head[1], 16))
        elif line := _LINE.match(text):
            lines.append(line)
            names[int(line[1], 16)] = name
    tables = _tables(elf, {start for found in starts.values() for start in found})
    return Code(_instructions(lines), names, starts, tables)


def _instructions(lines: list[re.Match[str]]) -> dict[int, Instruction]:
    words = {
        int(line[1], 16): int(word[1], 16)
        for line in lines
        if line[2] == ".word" and (word := _WORD.match(line[3]))
    }
    found: dict[int, Instruction] = {}
    following: int | None = None
    for line in reversed(lines):
        if line[2].startswith("."):
            following = None
            continue
        address = int(line[1], 16)
        operation = line[2].removesuffix(".n").removesuffix(".w")
        literal = words.get(int(line[4], 16)) if line[4] else None
        operands = (line[3] or "").strip()
        found[address] = Instruction(address, operation, operands, following, literal)
        following = address
    return dict(reversed(found.items()))


def _tables(elf: Path, starts: Collection[int]) -> dict[str, set[int]]:
    """Which functions the words of every initialised object point to (bit 0 says Thumb)."""
    tables: dict[str, set[int]] = {}
    try:
        with elf.open("rb") as file:
            parsed = ELFFile(file)
            contents = {
                number: (section["sh_addr"], section.data())
                for number, section in enumerate(parsed.iter_sections())
                if section["sh_type"] == "SHT_PROGBITS"
            }
            for symbol in parsed.get_section_by_name(".symtab").iter_symbols():
                if symbol["st_info"]["type"] != "STT_OBJECT" or symbol["st_shndx"] not in contents:
                    continue
                base, data = contents[symbol["st_shndx"]]
                first = symbol["st_value"] - base
                for at in range(first, first + symbol["st_size"] - 3, 4):
                    pointer = int.from_bytes(data[at : at + 4], "little")
                    if pointer & 1 and pointer - 1 in starts:
                        tables.setdefault(symbol.name, set()).add(pointer - 1)
    except (OSError, ELFError, AttributeError) as error:
        raise BuildError(f"{elf}: not a linked image with symbols: {error}") from error
    return tables
