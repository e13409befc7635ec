"""A linked ELF image as an emulator loads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tinygen.errors import BuildError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Segment:
    """Bytes that lie at ``load_address`` in the image, and at ``address`` while the code runs.

    ``nbytes`` counts the zeroed rest too; ``flags`` are ELF's P_FLAGS.
    """

    address: int
    load_address: int
    nbytes: int
    flags: int
    data: bytes


@dataclass(frozen=True)
class Image:
    """Segments and defined symbols (the address of a function has its Thumb bit set)."""

    segments: tuple[Segment, ...]
    symbols: dict[str, int]

    def symbol(self, name: str) -> int:
        """Address of a symbol.

        Raises BuildError when the image has no such symbol.
        """
        try:
            return self.symbols[name]
        except KeyError:
            raise BuildError(f"the linked image has no symbol {name!r}") from None

    def function_at(self, pc: int) -> str:
        """The nearest symbol at or below ``pc``, and how far below."""
        below = [
            (address & ~1, name)
            for name, address in self.symbols.items()
            if address & ~1 <= pc and not name.startswith("$")
        ]
        if not below:
            return "unknown function"
        address, name = max(below)
        return f"{name}+{pc - address:#x}"


def read_image(elf: Path) -> Image:
    """The image in an ELF file.

    Raises BuildError when the file is not a linked ELF image.
    """
    try:
        with elf.open("rb") as file:
            parsed = ELFFile(file)
            segments = tuple(
                Segment(s["p_vaddr"], s["p_paddr"], s["p_memsz"], s["p_flags"], s.data())
                for s in parsed.iter_segments("PT_LOAD")
                if s["p_memsz"]
            )
            tables = [s for s in parsed.iter_sections() if isinstance(s, SymbolTableSection)]
            symbols = {
                symbol.name: int(symbol["st_value"])
                for table in tables
                for symbol in table.iter_symbols()
                if symbol.name and symbol["st_shndx"] != "SHN_UNDEF"
            }
    except (OSError, ELFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BuildError(f"{elf}: not a linked image that can be emulated: {reason}") from error
    if not segments:
        raise BuildError(f"{elf}: the image has nothing to load")
    return Image(segments, symbols)
