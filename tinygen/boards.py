"""Boards: one JSON file each, a PlatformIO manifest with a "tinygen" block, read into a Board."""

from __future__ import annotations

import difflib
import itertools
import json
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from tinygen import cores, paths
from tinygen import memory_system as timing
from tinygen.errors import BoardError


def _address(value: object) -> object:
    """JSON has no hexadecimal numbers; addresses are strings."""
    return int(value, 16) if isinstance(value, str) and value.startswith("0x") else value


Address = Annotated[int, BeforeValidator(_address), Field(ge=0, lt=1 << 32)]
Positive = Annotated[int, Field(gt=0)]
Pin = Annotated[str, Field(pattern=r"^P([A-K](1[0-5]|[0-9])|[01]\.([0-2][0-9]|3[01]))$")]
_LONGEST_LINE = 32
UsbId = Annotated[str, Field(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}$")]


def pin_position(pin: str) -> tuple[int, int]:
    """Port and number of a pin: PD8 of an STM32 is (3, 8), P1.02 of an nRF5 is (1, 2)."""
    port, number = pin[1], pin[2:].removeprefix(".")
    return (int(port) if port.isdigit() else ord(port) - ord("A")), int(number)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Memory(_Frozen):
    """A range of memory the linker may use. RAM regions stand in order of preference.

    RAM of kind ``code`` lies beside the core's instruction bus, for copies of functions alone.
    ``access`` says how late it answers; memory without it is as fast as the core.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    kind: Literal["flash", "ram", "code"]
    origin: Address
    bytes: Positive
    access: timing.Access | None = None

    @property
    def end(self) -> int:
        """The first address behind the region."""
        return self.origin + self.bytes


class Clock(_Frozen):
    """How the core clock is made. ``fixed`` cannot be chosen; the others feed the main PLL.

    hz = source_hz / pll_m * pll_n / pll_p, where pll_p is the divider in front of the core (named
    R on the STM32L4, G0 and U5). The APB dividers, too, are of the core's frequency.
    """

    hz: Positive
    source: Literal["hse", "hse_bypass", "hsi16", "msis", "fixed"]
    source_hz: Positive
    pll_m: Positive | None = None
    pll_n: Positive | None = None
    pll_p: Positive | None = None
    apb1_divider: Literal[1, 2, 4, 8, 16] = 1
    apb2_divider: Literal[1, 2, 4, 8, 16] = 1
    flash_wait_states: Annotated[int, Field(ge=0, le=15)] = 0

    @model_validator(mode="after")
    def _consistent(self) -> Clock:
        if self.source == "fixed":
            made = self.source_hz
        elif self.pll_m and self.pll_n and self.pll_p:
            made = self.source_hz * self.pll_n // (self.pll_m * self.pll_p)
        else:
            raise ValueError(f"source {self.source!r} needs pll_m, pll_n and pll_p")
        if made != self.hz:
            raise ValueError(f"source and PLL give {made} Hz, not the {self.hz} Hz of key hz")
        return self


class Console(_Frozen):
    """The serial port that carries the device protocol, 8N1."""

    peripheral: str
    baud: Positive
    tx: Pin | None = None
    rx: Pin | None = None
    alternate_function: Annotated[int, Field(ge=0, le=15)] | None = None


class Trigger(_Frozen):
    """The pin that is high while inferences run."""

    pin: Pin


class Power(_Frozen):
    """Run current, for modelled energy; ``confirmed`` when read in the data sheet or measured."""

    milliamps: Annotated[float, Field(gt=0)]
    volts: Annotated[float, Field(gt=0)]
    at_hz: Positive
    confirmed: bool
    source: str


class UnicornEmulator(_Frozen):
    """Emulation in process, with tinygen's own model of the SoC."""

    kind: Literal["unicorn"]


class QemuEmulator(_Frozen):
    """Emulation by qemu-system-arm. An instruction takes 2**icount_shift ns of virtual time."""

    kind: Literal["qemu"]
    machine: str
    memory: str
    icount_shift: Annotated[int, Field(ge=0, le=10)]


Emulator: TypeAlias = UnicornEmulator | QemuEmulator
CounterKind: TypeAlias = Literal["dwt", "systick", "cmsdk_timer", "sse300"]


class Upload(BaseModel):
    """PlatformIO's upload block; an empty ``protocol`` means the board cannot be flashed."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    maximum_size: Positive
    maximum_ram_size: Positive
    protocol: str
    protocols: tuple[str, ...] = Field(default=(), strict=False)
    openocd_board: str | None = None
    pyocd_target: str | None = None


class _Build(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    mcu: str
    cpu: str
    f_cpu: str


class _Block(_Frozen):
    """The "tinygen" block."""

    aliases: tuple[str, ...] = Field(default=(), strict=False)
    core: str
    soc: str
    memory: tuple[Memory, ...] = Field(strict=False)
    memory_system: timing.MemorySystem | None = None
    clock: Clock
    console: Console
    trigger: Trigger | None
    counter: CounterKind
    usb_ids: tuple[UsbId, ...] = Field(default=(), strict=False)
    mbed_ids: tuple[str, ...] = Field(default=(), strict=False)
    power: Power | None
    emulator: Emulator | None = Field(discriminator="kind")

    @cached_property
    def cpu(self) -> cores.Core:
        """What the core can do."""
        return cores.core(self.core)

    @model_validator(mode="after")
    def _consistent(self) -> _Block:
        if self.core not in cores.CORES:
            raise ValueError(f"core {self.core!r} is not one of {', '.join(cores.CORES)}")
        kinds = [region.kind for region in self.memory]
        if kinds.count("flash") != 1 or "ram" not in kinds:
            raise ValueError("memory needs exactly one flash and at least one ram region")
        if kinds.count("code") > 1:
            raise ValueError("memory can have one region of kind code at most")
        ordered = sorted(self.memory, key=lambda region: region.origin)
        for low, high in itertools.pairwise(ordered):
            if low.end > high.origin:
                raise ValueError(f"memory regions {low.name!r} and {high.name!r} overlap")
        return self

    @model_validator(mode="after")
    def _timed(self) -> _Block:
        slow = [region for region in self.memory if region.access is not None]
        if bool(slow) != (self.memory_system is not None):
            raise ValueError("memory_system and access of a memory region go together")
        if self.memory_system is None:
            return self
        shapes = (self.memory_system.instruction, self.memory_system.data)
        shortest = min((shape.line_bytes for shape in shapes if shape), default=_LONGEST_LINE)
        for region in slow:
            if region.access and region.access.unit_bytes > shortest:
                raise ValueError(
                    f"access.unit_bytes of memory region {region.name!r} is more than the "
                    f"{shortest} bytes of a cache line"
                )
        return self

    @model_validator(mode="after")
    def _supported(self) -> _Block:
        soc = paths.FIRMWARE / "soc" / self.soc
        if not (soc / "soc.json").is_file():
            known = sorted(path.parent.name for path in soc.parent.glob("*/soc.json"))
            raise ValueError(f"soc {self.soc!r} is not one of {', '.join(known)}")
        console = self.console
        if f"#define {console.peripheral.upper()}_BASE " not in (soc / "soc.h").read_text():
            raise ValueError(f"console.peripheral {console.peripheral!r} is not in {soc / 'soc.h'}")
        parts = json.loads((soc / "soc.json").read_text())
        if parts["pins"] and None in (console.tx, console.rx):
            raise ValueError(f"console needs tx and rx on a {self.soc}")
        if parts["alternate_functions"] and console.alternate_function is None:
            raise ValueError(f"console needs alternate_function on a {self.soc}")
        if self.trigger and not parts["pins"]:
            raise ValueError(f"trigger must be null, a {self.soc} has no driver for pins")
        if self.counter == "dwt" and not self.cpu.mainline:
            raise ValueError(f"counter must be systick, a {self.core} has no cycle counter")
        return self


class _Manifest(BaseModel):
    """The whole file. Keys that only PlatformIO reads are let through."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    name: str
    url: str
    vendor: str
    build: _Build
    upload: Upload
    tinygen: _Block

    @model_validator(mode="after")
    def _consistent(self) -> _Manifest:
        if self.build.f_cpu != f"{self.tinygen.clock.hz}L":
            raise ValueError(
                f"build.f_cpu is {self.build.f_cpu!r}, but tinygen.clock.hz makes it "
                f"'{self.tinygen.clock.hz}L'"
            )
        return self


class Board(_Block):
    """A board as the rest of tinygen sees it.

    ``name`` is the name of its file, ``title`` what a person calls it, ``path`` the file.
    """

    name: str
    title: str
    vendor: str
    url: str
    mcu: str
    upload: Upload
    path: Path

    @property
    def flash(self) -> Memory:
        """Where code and constants lie."""
        return next(region for region in self.memory if region.kind == "flash")

    @property
    def ram(self) -> tuple[Memory, ...]:
        """The RAM regions, fastest first."""
        return tuple(region for region in self.memory if region.kind == "ram")


def _sentence(path: Path, error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "the file"
    reason = first["msg"].removeprefix("Value error, ")
    return f"board file {path}: key {key}: {reason}; correct that key"


def read_board(path: Path) -> Board:
    """The board that one file describes.

    Raises BoardError, with file and key, when the file cannot be read or is wrong.
    """
    try:
        data: Any = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BoardError(f"board file {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BoardError(f"board file {path} is not JSON ({error}); correct it there") from error
    try:
        manifest = _Manifest.model_validate(data)
    except ValidationError as error:
        raise BoardError(_sentence(path, error)) from None
    fields = {key: getattr(manifest.tinygen, key) for key in _Block.model_fields}
    return Board(
        **fields,
        name=path.stem,
        title=manifest.name,
        vendor=manifest.vendor,
        url=manifest.url,
        mcu=manifest.build.mcu,
        upload=manifest.upload,
        path=path,
    )


@cache
def all_boards() -> tuple[Board, ...]:
    """Every board of the boards folder, by name.

    Raises BoardError when a file is wrong, or when two boards claim one name.
    """
    boards = tuple(read_board(path) for path in sorted(paths.BOARDS.glob("*.json")))
    owners: dict[str, str] = {}
    for board in boards:
        for name in (board.name, *board.aliases):
            if name in owners:
                raise BoardError(
                    f"board file {board.path}: key tinygen.aliases: the name {name!r} already "
                    f"belongs to {owners[name]}; choose another"
                )
            owners[name] = board.name
    return boards


def load_board(name: str) -> Board:
    """The board of this name or alias; a name that ends in ``.json`` is the path of a board file.

    Raises BoardError, with close matches, when there is none.
    """
    if name.endswith(".json"):
        return read_board(Path(name))
    known = {alias: board for board in all_boards() for alias in (board.name, *board.aliases)}
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    advice = f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(known)}"
    raise BoardError(f"board {name!r} is not known; {advice}")
