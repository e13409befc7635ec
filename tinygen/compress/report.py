"""What a recipe did to a model, step by step; docs/compression.md describes every field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pydantic

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA = 1

_COLUMNS = {
    "parameters": "parameters",
    "macs": "MACs",
    "flash_bytes": "flash",
    "ram_bytes": "RAM",
    "cycles_modelled": "cycles, modelled",
    "instructions": "instructions",
}


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class StepReport(_Part):
    """The model after one step.

    ``accuracy`` is that over all test samples, of the int8 network where ``int8``, computed by its
    generated C. The other figures are those of its int8 form on the board: before it is quantized
    by the recipe, with ranges that random inputs show. ``weights_stream_bytes`` is what its int8
    weights take after zlib, which nothing on the board reads.

    Of a network with an exit, ``accuracy`` is that with the exit taken from ``exit_threshold`` on,
    ``exit_rate`` the share of test samples that take it; the other figures are those of an
    inference that does not.
    """

    step: str
    int8: bool
    accuracy: float
    parameters: int
    macs: int
    flash_bytes: int | None
    ram_bytes: int | None
    cycles_modelled: float | None
    instructions: int | None
    weights_stream_bytes: int
    exit_threshold: float | None = None
    exit_rate: float | None = None


class CompressionReport(_Part):
    """All steps, from the model as it was given, named ``start``."""

    schema_version: int = SCHEMA
    model: str
    board: str
    seed: int
    test_samples: int
    steps: tuple[StepReport, ...]

    def json_text(self) -> str:
        """The report as JSON."""
        return json.dumps(self.model_dump(mode="json"), indent=2) + "\n"


def _exits(row: StepReport) -> str:
    if row.exit_rate is None:
        return ""
    if row.exit_threshold is None:
        return ", no exit"
    return f", {row.exit_rate:.1%} exit at {row.exit_threshold:.4g}"


def show(report: CompressionReport, console: Console) -> None:
    """The steps as a table."""
    from rich.table import Table

    table = Table(title=f"{report.model} on {report.board}, {report.test_samples:,} test samples")
    table.add_column("after step")
    table.add_column("accuracy", justify="right")
    for title in _COLUMNS.values():
        table.add_column(title, justify="right")
    for row in report.steps:
        figures = (getattr(row, name) for name in _COLUMNS)
        table.add_row(
            row.step,
            f"{row.accuracy:.4f}" + (" int8" if row.int8 else "") + _exits(row),
            *("-" if value is None else f"{value:,.0f}" for value in figures),
        )
    console.print(table)
