"""Where a model of a core and measurements on a device disagree. docs/tuning.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pydantic
from pydantic import Field
from rich.table import Table as Screen
from rich.text import Text

from tinygen.report.console import number
from tinygen.report.model import Name  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class Candidate(_Part):
    """One kernel that can compute a layer."""

    kernel: str = Field(description="Name of the kernel.")
    predicted: int = Field(description="Cycles by the kernel's own estimate.")
    measured: int | None = Field(
        description="What it took, in `unit`; null where its image does not fit the board."
    )

    @property
    def ratio(self) -> float | None:
        """Measured over predicted."""
        return None if self.measured is None else self.measured / max(self.predicted, 1)


class Layer(_Part):
    """One layer with all its kernels; ``before`` and ``after`` are which are chosen."""

    name: Name = Field(description="Name of the layer.")
    op: str = Field(description="TFLite operator.")
    before: int = Field(description="Index of the candidate that estimates choose.")
    after: int = Field(description="Index of the candidate that measurements choose.")
    candidates: tuple[Candidate, ...] = Field(description="The kernels that can compute it.")

    @property
    def chosen(self) -> tuple[Candidate, Candidate]:
        """By estimates, and by measurements."""
        return self.candidates[self.before], self.candidates[self.after]


class Comparison(_Part):
    """What was measured of one model on one device, beside what had been predicted."""

    schema_version: Literal[1] = Field(default=1, description="Version of this format.")
    model: Name = Field(description="Name of the model, from its file.")
    board: str = Field(description="Name of the board.")
    device: str = Field(description="What ran the kernels: `board`, `unicorn` or `qemu`.")
    unit: Literal["cycles", "instructions", "ticks"] = Field(description="What was counted.")
    images: int = Field(description="Firmware images that were built and run.")
    layers: tuple[Layer, ...] = Field(description="Layers in execution order.")

    def json_text(self) -> str:
        """The comparison as a JSON document, ended by a newline."""
        return self.model_dump_json(indent=2) + "\n"

    @property
    def changed(self) -> tuple[Layer, ...]:
        """The layers whose kernel measurements change."""
        return tuple(layer for layer in self.layers if layer.before != layer.after)

    @property
    def totals(self) -> tuple[int, int]:
        """What an inference takes with the kernels of before, and with those of after."""
        chosen = [layer.chosen for layer in self.layers]
        return (
            sum(before.measured or 0 for before, _ in chosen),
            sum(after.measured or 0 for _, after in chosen),
        )


def show(comparison: Comparison, console: Console) -> None:
    """Print how kernels compare with their estimates, and where the choice changes."""
    console.print(_kernels(comparison))
    if comparison.changed:
        console.print(_changes(comparison))
    before, after = comparison.totals
    changed = len(comparison.changed)
    console.print(
        Text(
            f"{comparison.model} on {comparison.board} ({comparison.device}), "
            f"{comparison.images} images: measurements change the kernel of {changed} of "
            f"{len(comparison.layers)} layers, from {before:,} to {after:,} {comparison.unit}"
        )
    )


def _screen(*headings: str, words: int) -> Screen:
    """A table whose first columns hold words and whose others hold figures."""
    screen = Screen(box=None, pad_edge=False, header_style="bold")
    for index, heading in enumerate(headings):
        if index < words:
            screen.add_column(heading, overflow="fold")
        else:
            screen.add_column(heading, justify="right")
    return screen


def _kernels(comparison: Comparison) -> Screen:
    """Per kernel: how many layers, and the least, the total and the most of measured/predicted."""
    screen = _screen(
        *("kernel", "layers", "predicted, cycles", f"measured, {comparison.unit}"),
        *("ratio", "least", "most"),
        words=1,
    )
    for kernel, found in _by_kernel(comparison):
        predicted = sum(candidate.predicted for candidate in found)
        taken = sum(candidate.measured or 0 for candidate in found)
        ratios = [candidate.ratio for candidate in found if candidate.ratio is not None]
        figures = (taken / max(predicted, 1), min(ratios), max(ratios))
        screen.add_row(
            kernel,
            number(len(found)),
            number(predicted),
            number(taken),
            *(f"{figure:.2f}" for figure in figures),
        )
    return screen


def _by_kernel(comparison: Comparison) -> Iterator[tuple[str, list[Candidate]]]:
    """The candidates that were measured, by the names of their kernels."""
    found: dict[str, list[Candidate]] = {}
    for layer in comparison.layers:
        for candidate in layer.candidates:
            if candidate.measured is not None:
                found.setdefault(candidate.kernel, []).append(candidate)
    yield from sorted(found.items())


def _changes(comparison: Comparison) -> Screen:
    screen = _screen(
        *("layer", "chosen by", "kernel", "predicted, cycles", f"measured, {comparison.unit}"),
        "ratio",
        words=3,
    )
    for layer in comparison.changed:
        rows = zip((layer.name, ""), ("estimate", "measurement"), layer.chosen, strict=True)
        for name, chosen_by, candidate in rows:
            screen.add_row(
                Text(name),
                chosen_by,
                candidate.kernel,
                number(candidate.predicted),
                number(candidate.measured),
                "-" if candidate.ratio is None else f"{candidate.ratio:.2f}",
            )
    return screen
