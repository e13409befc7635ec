"""What tinygen found out about a model: the one result that every view of it shows.

The JSON form is documented field by field in docs/report.md, from the descriptions below. A figure
that is not known is None, never zero. Nothing in a report depends on when it was made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic
from pydantic import Field

from tinygen import __version__
from tinygen.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def _printable(text: str) -> str:
    """Text from a model file without what could steer a terminal or break an XML file."""
    return "".join(char if char.isprintable() else "?" for char in text)


Name = Annotated[str, pydantic.AfterValidator(_printable)]


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class Tool(_Part):
    """What wrote the report."""

    name: str = Field(default="tinygen", description="Always `tinygen`.")
    version: str = Field(default=__version__, description="Version of tinygen.")


class ModelFacts(_Part):
    """The model that was compiled."""

    name: Name = Field(description="Name of the model, from its file.")
    sha256: str = Field(description="SHA-256 of the .tflite file, in hexadecimal.")
    macs: int = Field(
        description="Multiply-accumulate operations of one inference, of the graph as it was read."
    )


class Buffer(_Part):
    """One range of the arena."""

    name: Name = Field(description="The tensor, or the scratch memory of a layer, that lies there.")
    offset: int = Field(description="Bytes from the start of the arena.")
    bytes: int = Field(description="Size of the range.")
    first: int = Field(description="Index of the first layer that needs it.")
    last: int = Field(description="Index of the last layer that needs it.")


class CopiedTo(_Part):
    """Fast memory that holds copies of functions or constants."""

    region: str = Field(description="Memory region of the board.")
    bytes: int = Field(description="Bytes copied there at start-up.")


class Memory(_Part):
    """Bytes of flash and RAM."""

    flash_bytes: int | None = Field(
        default=None,
        description="Flash the whole firmware takes: code, constants and initial values.",
    )
    weights_bytes: int | None = Field(
        default=None, description="Flash the model's weights and biases take, as they are stored."
    )
    code_bytes: int | None = Field(
        default=None, description="Flash that is not weights: code, tables and vectors."
    )
    ram_bytes: int | None = Field(
        default=None,
        description="RAM the whole firmware takes: static data, the arena and the stack.",
    )
    copies: tuple[CopiedTo, ...] = Field(
        default=(),
        description="Fast memory that speed alone needs, on top of `ram_bytes`: code and constants "
        "that start-up copies out of slow flash.",
    )
    arena_bytes: int | None = Field(default=None, description="RAM that holds all activations.")
    arena_lower_bound: int | None = Field(
        default=None, description="Size below which no arena plan exists for these layers."
    )
    arena_optimal: bool | None = Field(
        default=None, description="Whether the plan is proven to be the smallest possible."
    )
    arena_region: str | None = Field(
        default=None, description="Memory region of the board that holds the arena."
    )
    stack_bytes: int | None = Field(
        default=None,
        description="Deepest stack seen: of the network alone while it was proven, of the whole "
        "firmware once that was tested.",
    )
    stack_bound_bytes: int | None = Field(
        default=None,
        description="Stack that no path through the object code goes beyond: of an inference in a "
        "library, of the whole firmware with the frame of an exception in a build.",
    )
    buffers: tuple[Buffer, ...] = Field(default=(), description="The map of the arena.")


class Selection(_Part):
    """How kernels were chosen."""

    objective: str | None = Field(
        default=None, description="What was made small: `latency`, `ram` or `flash`."
    )
    max_flash: int | None = Field(
        default=None, description="Limit on bytes of constants and estimated code, if one was set."
    )
    max_ram: int | None = Field(
        default=None, description="Limit on bytes of the arena and of copies, if one was set."
    )
    optimal: bool | None = Field(
        default=None,
        description="Whether no other choice is better, by the estimates of the kernels.",
    )
    measured_layers: int | None = Field(
        default=None,
        description="Layers whose kernel is in the table of `--tuned`; null without one.",
    )


class Proof(_Part):
    """One comparison of results that must be the same bytes."""

    name: str = Field(description="What was compared, and how.")
    inputs: int = Field(description="Inferences compared.")
    mismatches: int = Field(description="Inferences in which at least one byte differed.")


class Exact(_Part):
    """How exactness was shown."""

    oracle: str = Field(description="What everything was compared with.")
    inputs: int = Field(description="Inferences compared, over all proofs.")
    mismatches: int = Field(description="Inferences that differed, over all proofs.")
    proofs: tuple[Proof, ...] = Field(default=(), description="The comparisons, one by one.")

    @classmethod
    def of(cls, oracle: str, proofs: tuple[Proof, ...]) -> Exact:
        """The sum of some proofs."""
        return cls(
            oracle=oracle,
            inputs=sum(proof.inputs for proof in proofs),
            mismatches=sum(proof.mismatches for proof in proofs),
            proofs=proofs,
        )


class EarlyExit(_Part):
    """Where an inference may stop early."""

    output: int = Field(description="Index of the output that is the exit; the other answers.")
    threshold: float = Field(description="Probability from which on an inference stops there.")
    stored: int = Field(description="The smallest int8 value that stands for at least that.")
    layers: int = Field(description="Layers with code that are run before the exit is looked at.")


class Run(_Part):
    """What the device did; the figures are those of one inference."""

    device: str | None = Field(
        default=None, description="What ran it: `board`, `unicorn` or `qemu`; null before any test."
    )
    samples: int | None = Field(default=None, description="Inferences run on the device.")
    correct: int | None = Field(default=None, description="Samples whose class came out right.")
    accuracy: float | None = Field(default=None, description="`correct` over `samples`.")
    instructions: int | None = Field(
        default=None, description="Instructions executed, exact; from an emulator."
    )
    cycles: int | None = Field(
        default=None, description="Clock cycles, from the cycle counter of a real core only."
    )
    cycles_modelled: int | None = Field(
        default=None,
        description="Clock cycles, from the cost table of the core and the memories of the board.",
    )
    latency_ms: float | None = Field(
        default=None,
        description="Milliseconds, from `cycles`, or from `cycles_modelled` where there are none.",
    )
    exit_rate: float | None = Field(
        default=None,
        description="Share of the samples that stopped at the exit, from 0 to 1. Figures of one "
        "inference are then those of one that runs every layer.",
    )
    instructions_mean: float | None = Field(
        default=None,
        description="`instructions`, mean over the samples: those of one inference that stops at "
        "the exit and of one that does not, weighted by `exit_rate`.",
    )
    cycles_mean: float | None = Field(default=None, description="`cycles`, likewise.")
    cycles_modelled_mean: float | None = Field(
        default=None, description="`cycles_modelled`, likewise."
    )
    latency_ms_mean: float | None = Field(default=None, description="`latency_ms`, likewise.")
    energy_uj: float | None = Field(
        default=None, description="Microjoules; where measured, the mean over all windows."
    )
    energy_method: str | None = Field(
        default=None, description="`modelled`, or `measured by` and the name of the meter."
    )
    energy_uj_spread: float | None = Field(
        default=None, description="Standard deviation of the windows' figures, in microjoules."
    )
    energy_uj_min: float | None = Field(
        default=None, description="Microjoules by the window with the smallest figure."
    )
    energy_uj_max: float | None = Field(
        default=None, description="Microjoules by the window with the largest figure."
    )
    energy_windows: int | None = Field(default=None, description="Windows measured.")
    energy_inferences: int | None = Field(
        default=None, description="Inferences in each of the windows."
    )
    energy_outside: float | None = Field(
        default=None,
        description="Largest part of a window's time, from 0 to 1, in which no inference ran.",
    )


class Layer(_Part):
    """One layer of the graph as it was compiled, after rewrites."""

    name: Name = Field(description="Name of the layer.")
    op: str = Field(description="TFLite operator.")
    kernel: str = Field(description="Kernel that computes it.")
    macs: int = Field(description="Multiply-accumulate operations of one inference.")
    instructions: int | None = Field(default=None, description="Instructions executed, exact.")
    cycles_modelled: int | None = Field(
        default=None,
        description="Clock cycles, from the cost table; in firmware, with the board's memories.",
    )
    flash_bytes: int | None = Field(
        default=None, description="Flash of the constants that this layer is the first to use."
    )


class Dependency(_Part):
    """Source code from elsewhere that was compiled in."""

    name: str = Field(description="Name of the project.")
    version: str = Field(description="Commit, or the digest of files that are not a known commit.")
    pinned: bool = Field(description="Whether it is the version that tinygen is tested with.")


class Verdict(_Part):
    """One budget and how it was met."""

    name: str = Field(description="Figure, as it is named in `[budget]`.")
    limit: float = Field(description="The budget.")
    value: float | None = Field(default=None, description="The figure; null where it is not known.")
    modelled: bool = Field(description="Whether the figure comes from a model, not a measurement.")
    passed: bool | None = Field(
        default=None, description="Whether it was met; null where not known."
    )


class Report(_Part):
    """Everything known about one model on one target."""

    schema_version: Literal[1] = Field(default=1, description="Version of this format.")
    tool: Tool = Field(default=Tool(), description="What wrote the report.")
    model: ModelFacts = Field(description="The model that was compiled.")
    board: str | None = Field(
        default=None, description="Name of the board; null for a bare library."
    )
    build_id: str | None = Field(
        default=None,
        description="What the firmware says it is, in hexadecimal: a hash over its sources, the "
        "compiler and the model.",
    )
    target: str = Field(description="Core that the code was generated for.")
    memory: Memory = Field(default=Memory(), description="Bytes of flash and RAM.")
    selection: Selection = Field(default=Selection(), description="How kernels were chosen.")
    exact: Exact = Field(description="How exactness was shown.")
    exit: EarlyExit | None = Field(
        default=None,
        description="Where an inference may stop early; null where it always runs every layer.",
    )
    run: Run = Field(default=Run(), description="What the device did.")
    layers: tuple[Layer, ...] = Field(default=(), description="Layers in execution order.")
    dependencies: tuple[Dependency, ...] = Field(
        default=(), description="Source code from elsewhere."
    )
    budgets: tuple[Verdict, ...] = Field(default=(), description="The budgets that were set.")

    def json_text(self) -> str:
        """The report as a JSON document, ended by a newline."""
        return self.model_dump_json(indent=2) + "\n"

    def updated(self, **changes: Any) -> Report:
        """A copy with some fields changed."""
        return self.model_copy(update=changes)


def read_report(path: Path) -> Report:
    """The report that :meth:`Report.json_text` wrote to a file.

    Raises InputError when the file is missing or is not a report of this version.
    """
    try:
        return Report.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}; run 'tinygen build' first, or name the folder "
            "that it wrote"
        ) from None
    except (pydantic.ValidationError, UnicodeDecodeError):
        raise InputError(
            f"{path} is not a report of this version of tinygen; run 'tinygen build' again"
        ) from None
