"""Samples through a device: is every output right, how often is the class right, where is it not.

The device is a session over the serial protocol; whether a board or an emulator answers makes no
difference here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tinygen import first_difference, reference
from tinygen.data import predicted
from tinygen.device.ahead import infer_all
from tinygen.errors import DataError, ProofError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tinygen.data import Samples
    from tinygen.device.session import Session
    from tinygen.early_exit.decision import Exit
    from tinygen.first_difference import Difference
    from tinygen.ir import Array, Graph, Tensor
    from tinygen.journal import Journal
    from tinygen.progress import Progress


@dataclass(frozen=True)
class Outcome:
    """What came back: inferences run, those whose class was right, those whose bytes were not.

    ``correct`` is None for samples without labels. ``difference`` says where the first wrong
    output went wrong. ``exits`` has the samples on which the device stopped early, None for a
    network without an exit.
    """

    samples: int
    correct: int | None
    mismatches: int
    difference: Difference | None
    exits: frozenset[int] | None = None

    def saved(self, folder: Path) -> Outcome:
        """The same, with the tensor of the first difference in a file of that folder."""
        if self.difference is None:
            return self
        file = folder / first_difference.FILE_NAME
        return replace(self, difference=self.difference.saved(file))

    def enforce(self) -> None:
        """Raise ProofError where the device differs from the reference."""
        if self.mismatches:
            raise ProofError(
                f"{self.mismatches} of {self.samples} inferences on the device differ from the "
                f"reference: {self.difference}; report it with the model and the board"
            )


def run(
    session: Session,
    graph: Graph,
    samples: Samples,
    progress: Progress,
    journal: Journal | None = None,
    exit_: Exit | None = None,
) -> Outcome:
    """Run every sample on the device and compare every output, byte for byte.

    ``graph`` is the model as it was read, ``exit_`` where the firmware may stop early. What the
    ``journal`` has an answer to is not run again, and the answers to the rest go into it. Raises
    DeviceError when the device fails, DataError for labels that the model cannot give.
    """
    answer = exit_.final if exit_ is not None else 0
    if samples.labels is not None:
        _check_labels(samples.labels, graph.outputs[answer])
    correct = 0
    wrong = []
    exits = set()
    both = zip(samples, _answers(session, samples, journal), strict=True)
    for index, (inputs, outputs) in enumerate(progress.track(both, len(samples), "running")):
        values = reference.run(graph, inputs)
        expected = [values[tensor] for tensor in graph.outputs]
        decoded = [_decoded(got, want) for got, want in zip(outputs, expected, strict=True)]
        if exit_ is not None:
            expected = exit_.answers(expected)
            if exit_.taken(decoded):
                exits.add(index)
        if samples.labels is not None:
            found = predicted(decoded[answer], graph.outputs[answer])
            correct += found == int(samples.labels[index])
        if any(got != want.tobytes() for got, want in zip(outputs, expected, strict=True)):
            wrong.append(index)
    return Outcome(
        len(samples),
        None if samples.labels is None else correct,
        len(wrong),
        first_difference.find(session, graph, samples, wrong[0]) if wrong else None,
        None if exit_ is None else frozenset(exits),
    )


def _answers(
    session: Session, samples: Samples, journal: Journal | None
) -> Iterator[tuple[bytes, ...]]:
    """The outputs of all samples, from the journal or from the device."""
    answered = {} if journal is None else dict(journal.answered)
    missing = [index for index in range(len(samples)) if index not in answered]
    inferences = infer_all(session, map(samples.raw, missing))
    for index in range(len(samples)):
        if index in answered:
            yield answered[index]
            continue
        outputs = next(inferences).outputs
        if journal is not None:
            journal.record(index, outputs)
        yield outputs


def _decoded(raw: bytes, like: Array) -> Array:
    return np.frombuffer(raw, like.dtype).reshape(like.shape)


def _check_labels(labels: Array, output: Tensor) -> None:
    classes = output.size if output.size > 1 else 2
    integer_class = output.size == 1 and output.quantization is None and output.dtype.kind == "i"
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or (high >= classes and not integer_class):
        raise DataError(
            f"the labels reach from {low} to {high}, but output {output.name!r} tells "
            f"{classes} classes apart, 0 to {classes - 1}; correct y in the data file"
        )
