"""What inferences take that may stop early: the longest, the shortest, and the mean of samples."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set

    from tinygen.data import Samples
    from tinygen.dut import Device
    from tinygen.report.run import Figures


def longest(samples: Samples, exits: Set[int]) -> int:
    """A sample that runs every layer; the first where none does."""
    return next((index for index in range(len(samples)) if index not in exits), 0)


def figures(device: Device, samples: Samples, exits: Set[int]) -> tuple[Figures, Figures | None]:
    """Figures of an inference that runs every layer, and of one that stops at the exit.

    ``exits`` are the samples that stop there. What no sample shows is not known: the latter is None
    then, the former without instructions and cycles.
    """
    late = longest(samples, exits)
    early = device.figures(samples.raw(min(exits))) if exits else None
    if late not in exits:
        return device.figures(samples.raw(late)), early
    assert early is not None, "samples are never none"
    return replace(early, instructions=None, cycles=None, cycles_modelled=None), early
