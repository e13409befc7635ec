"""The file that ``tinygen tune`` writes: what kernels took on one device. docs/tuning.md."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Annotated, Literal

import pydantic
from pydantic import Field

from tinygen import toolchain
from tinygen.errors import ConfigError, InputError

if TYPE_CHECKING:
    from pathlib import Path

    from tinygen.boards import Board
    from tinygen.choice.search import Objective

Count = Annotated[int, Field(ge=0)]


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class Conditions(_Part):
    """What a measurement depends on beside the kernel: it says nothing under other conditions."""

    board: str = Field(description="Name of the board.")
    core: str = Field(description="Its core.")
    compiler: str = Field(description="First line that the Arm compiler says of its version.")
    flags: tuple[str, ...] = Field(description="Compiler flags of generated C.")

    @classmethod
    def of(cls, board: Board, objective: Objective) -> Conditions:
        """The conditions under which a build for a board runs.

        Raises ToolchainError when there is no Arm compiler.
        """
        command = [toolchain.arm_tool("gcc"), "--version"]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        flags = (*board.cpu.flags, *toolchain.target_flags(objective))
        return cls(board=board.name, core=board.cpu.name, compiler=said.split("\n")[0], flags=flags)


class Entry(_Part):
    """One kernel, specialised for one shape."""

    digest: str = Field(
        description="What ran: hexadecimal digits of a hash over the generated code, its record "
        "and the shapes.",
        pattern="^[0-9a-f]{16}$",
    )
    kernel: str = Field(description="Name of the kernel.")
    op: str = Field(description="TFLite operator.")
    inputs: tuple[str, ...] = Field(
        description="Types and shapes of the inputs, constants included."
    )
    outputs: tuple[str, ...] = Field(description="Types and shapes of the outputs.")
    predicted: Count = Field(description="Cycles by the kernel's own estimate.")
    measured: Count = Field(
        description="What one execution took, in `unit`; the mean over the layers that agree."
    )


class Table(_Part):
    """What kernels took on one device."""

    schema_version: Literal[1] = Field(default=1, description="Version of this format.")
    conditions: Conditions = Field(description="What the measurements depend on.")
    device: str = Field(description="What ran the kernels: `board`, `unicorn` or `qemu`.")
    unit: Literal["cycles", "instructions", "ticks"] = Field(
        description="What was counted: `cycles` by a real core's counter, `ticks` by another "
        "counter, `instructions` by an emulator."
    )
    entries: tuple[Entry, ...] = Field(description="In order of operator, kernel and digest.")

    def json_text(self) -> str:
        """The table as a JSON document, ended by a newline."""
        return self.model_dump_json(indent=2) + "\n"

    def check(self, conditions: Conditions, path: Path) -> None:
        """Raise ConfigError, with the first condition that is not as it was when measuring."""
        for name in Conditions.model_fields:
            was, now = getattr(self.conditions, name), getattr(conditions, name)
            if was != now:
                was, now = (" ".join(v) if isinstance(v, tuple) else v for v in (was, now))
                raise ConfigError(
                    f"{path} was measured with {name} {was!r}, and this build has {now!r}; "
                    "run 'tinygen tune' for it, or build without --tuned"
                )


def read(path: Path) -> Table:
    """The table in a file.

    Raises InputError when the file is missing, or no table of this version.
    """
    try:
        return Table.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}; name a table that 'tinygen tune' wrote"
        ) from None
    except (pydantic.ValidationError, UnicodeDecodeError) as error:
        where = ""
        if isinstance(error, pydantic.ValidationError):
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"])) or "the document"
            where = f" ({place}: {first['msg'][0].lower()}{first['msg'][1:]})"
        raise InputError(
            f"{path} is not a table of this version of tinygen{where}; run 'tinygen tune' again"
        ) from None
