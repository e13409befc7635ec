"""What a linked firmware image holds, in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from tinygen.firmware.stack import firmware_bound

if TYPE_CHECKING:
    from pathlib import Path

    from tinygen.boards import Board

COPIED = ".copied_"


@dataclass(frozen=True)
class FirmwareImage:
    """A firmware image and what it takes of the board's memory.

    ``flash_bytes`` is all that is flashed: ``weights_bytes``, the constants of the network, and
    ``code_bytes``, the rest. ``ram_bytes`` is all that is laid out in RAM, the ``arena_bytes`` and
    the reserved ``stack_bytes`` among it, and ``arena_region`` names the region of the arena.
    ``stack_bound`` is what the firmware takes of the stack at most, None where that is not known.
    ``copied_bytes`` is fast memory that holds copies of what lies in flash, by region; it comes on
    top of ``ram_bytes``, as nothing but speed needs it.
    ``symbols`` gives the size of every function and object.
    """

    project: Path
    elf: Path
    binary: Path
    build_id: bytes
    flash_bytes: int
    weights_bytes: int
    ram_bytes: int
    arena_bytes: int
    arena_region: str
    stack_bytes: int
    stack_bound: int | None
    copied_bytes: dict[str, int]
    symbols: dict[str, int]

    @property
    def code_bytes(self) -> int:
        """Instructions, tables and initial values: all of the flash that is no weight."""
        return self.flash_bytes - self.weights_bytes


def measure(
    project: Path, board: Board, build_id: bytes, stack_bytes: int, network: str
) -> FirmwareImage:
    """The figures of a project that was built around a network of this name."""
    output = project / ".pio" / "build" / board.name
    elf, binary = output / "firmware.elf", output / "firmware.bin"
    symbols = _symbol_sizes(elf)
    weights = {name for path in output.glob("lib*/*/weights.o") for name in _symbol_sizes(path)}
    ram = _ram_sections(elf, board)
    copied = {name: ram.pop(name) for name in tuple(ram) if name.startswith(COPIED)}
    return FirmwareImage(
        project=project,
        elf=elf,
        binary=binary,
        build_id=build_id,
        flash_bytes=binary.stat().st_size,
        weights_bytes=sum(size for name, size in symbols.items() if name in weights),
        ram_bytes=sum(size for size, _ in ram.values()),
        arena_bytes=ram[".arena"][0],
        arena_region=ram[".arena"][1],
        stack_bytes=stack_bytes,
        stack_bound=firmware_bound(elf, board.cpu, network),
        copied_bytes={region: size for size, region in copied.values()},
        symbols=symbols,
    )


def _symbol_sizes(path: Path) -> dict[str, int]:
    """Bytes of every function and object that an ELF file defines; static namesakes are added."""
    sizes: dict[str, int] = {}
    with path.open("rb") as file:
        for symbol in ELFFile(file).get_section_by_name(".symtab").iter_symbols():
            defined = symbol["st_shndx"] != "SHN_UNDEF"
            if defined and symbol["st_info"]["type"] in ("STT_FUNC", "STT_OBJECT"):
                sizes[symbol.name] = sizes.get(symbol.name, 0) + symbol["st_size"]
    return sizes


def _ram_sections(path: Path, board: Board) -> dict[str, tuple[int, str]]:
    """Bytes and region of the sections of an ELF file that lie in the board's RAM."""
    with path.open("rb") as file:
        return {
            section.name: (section["sh_size"], region.name)
            for section in ELFFile(file).iter_sections()
            for region in board.memory
            if region.kind != "flash"
            and section["sh_flags"] & SH_FLAGS.SHF_ALLOC
            and region.origin <= section["sh_addr"] < region.end
        }
