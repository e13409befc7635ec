"""Ranges of activations, seen on calibration samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen.compress.clipping import Histogram, least_error, percentile
from tinygen.compress.evaluate import evaluate
from tinygen.compress.scales import Range
from tinygen.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tinygen.ir import Array, Graph

_BATCH = 32

CALIBRATORS: dict[str, Callable[[Histogram], Range] | None] = {
    "minmax": None,
    "percentile": percentile,
    "mse": least_error,
}
"""What makes a range of what was seen; None takes the smallest and the largest value."""


def samples(graph: Graph, calibration: Any) -> tuple[Array, ...]:
    """Calibration data as one float32 array of shape (samples, *shape[1:]) per graph input.

    ``calibration`` is an array, or for several inputs a sequence of arrays in their order. Axes of
    length one at the end may be left out. Raises DataError.
    """
    given = [calibration] if isinstance(calibration, np.ndarray) else list(calibration)
    if len(given) != len(graph.inputs):
        raise DataError(
            f"model {graph.name!r} has {len(graph.inputs)} inputs and the calibration data "
            f"{len(given)} arrays; give one array per input"
        )
    arrays = []
    for tensor, array in zip(graph.inputs, map(np.asarray, given), strict=True):
        where = f"calibration data for input {tensor.name!r}"
        shape = tensor.shape[1:]
        left_out = len(shape) - (array.ndim - 1)
        if (*array.shape[1:], *(1,) * left_out) != shape:
            raise DataError(
                f"{where} has shape {array.shape}; give it the shape (samples, "
                f"{', '.join(map(str, shape))})"
            )
        if not len(array):
            raise DataError(f"{where} is empty; give it some hundred samples of the training data")
        if not np.issubdtype(array.dtype, np.number) or not np.isfinite(array).all():
            raise DataError(f"{where} holds values that are not finite numbers; remove them")
        arrays.append(array.reshape(-1, *shape).astype(np.float32))
    if len({len(array) for array in arrays}) > 1:
        raise DataError(
            f"calibration data for model {graph.name!r} has {[len(a) for a in arrays]} samples; "
            "give every input the same number"
        )
    return tuple(arrays)


def calibrate(
    graph: Graph, inputs: Sequence[Array], calibrator: str = "minmax"
) -> dict[str, Range]:
    """The range of every activation over all samples, by tensor name.

    ``calibrator`` is one of :data:`CALIBRATORS`. Raises ConfigError for another.
    """
    if calibrator not in CALIBRATORS:
        raise ConfigError(
            f"there is no calibrator {calibrator!r}; choose one of {', '.join(CALIBRATORS)}"
        )
    ranges: dict[str, Range] = {}
    for name, values in _activations(graph, inputs):
        seen = Range(float(values.min()), float(values.max()))
        ranges[name] = ranges.get(name, seen) | seen
    clip = CALIBRATORS[calibrator]
    if clip is None:
        return ranges
    histograms = {name: Histogram.empty(span) for name, span in ranges.items()}
    for name, values in _activations(graph, inputs):
        histograms[name] = histograms[name].with_values(values)
    return {name: clip(seen) for name, seen in histograms.items()}


def _activations(graph: Graph, inputs: Sequence[Array]) -> Iterator[tuple[str, Array]]:
    """Name and values of every activation, batch after batch."""
    for batch in _batches(inputs):
        for tensor, value in evaluate(graph, batch).items():
            yield tensor.name, value.numpy()


def _batches(inputs: Sequence[Array]) -> Iterator[list[Array]]:
    for start in range(0, len(inputs[0]), _BATCH):
        yield [array[start : start + _BATCH] for array in inputs]
