"""Samples and labels from .npz files, checked against the model they are meant for.

A file holds ``x`` (or ``x0``, ``x1``, ... for several inputs) with one sample per entry of the
first axis, and optionally ``y`` with one integer class per sample.
"""

from __future__ import annotations

import itertools
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinygen.errors import DataError
from tinygen.numerics import round_half_away

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tinygen.ir import Array, Shape, Tensor

_RANDOM_SEED = 20240229


@dataclass(frozen=True, eq=False)
class Samples:
    """What to run: per model input one array, in the input's dtype, shape (samples, *shape).

    ``labels`` are int64 classes of shape (samples,), or None.
    """

    inputs: tuple[Array, ...]
    labels: Array | None = None

    def __len__(self) -> int:
        return len(self.inputs[0])

    def raw(self, index: int) -> list[bytes]:
        """The inputs of one inference as the device takes them."""
        return [array[index].tobytes() for array in self.inputs]

    def __iter__(self) -> Iterator[list[Array]]:
        """The inputs of one inference after the other, in the model's own shapes."""
        for index in range(len(self)):
            yield [array[index] for array in self.inputs]


def load(path: Path, inputs: Sequence[Tensor], limit: int | None = None) -> Samples:
    """The first ``limit`` samples of a .npz file, as the model takes them.

    Integers must have the input's own dtype. Floating-point samples of an int8 input are quantized
    with that input's scale and zero point. Axes of length one may be left out.
    Raises DataError that names the file, the array, and what was expected.
    """
    found = arrays(path)
    names = ["x"] if len(inputs) == 1 else [f"x{index}" for index in range(len(inputs))]
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError(
            f"{path} has no array {missing[0]!r} (it has {', '.join(found) or 'none'}); "
            f"save the samples under {', '.join(names)}, and the classes under y"
        )
    taken = tuple(
        fitted(found[name], tensor, f"{path}: {name}")
        for name, tensor in zip(names, inputs, strict=True)
    )
    labels = _labels(found["y"], f"{path}: y") if "y" in found else None
    counts = {name: len(array) for name, array in zip(names, taken, strict=True)}
    if labels is not None:
        counts["y"] = len(labels)
    if len(set(counts.values())) > 1 or not counts[names[0]]:
        listing = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise DataError(f"{path}: {listing} samples; every array must have the same number, not 0")
    return Samples(
        tuple(array[:limit] for array in taken), None if labels is None else labels[:limit]
    )


def arrays(path: Path) -> dict[str, Array]:
    """Every array of a .npz file by name. Raises DataError for what is not such a file."""
    try:
        # Without pickle: a data file must not be able to run code.
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise DataError(f"{path} is one .npy array; save x and y with numpy.savez")
        with file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise DataError(f"data file {path} does not exist; name a .npz file") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path} is not a readable .npz file ({reason}); save it with numpy.savez"
        ) from None


def input_names(arrays: Mapping[str, Array]) -> list[str]:
    """Names of the arrays that hold samples: x, or x0, x1 and so on, as far as they are there."""
    if "x" in arrays:
        return ["x"]
    return list(itertools.takewhile(arrays.__contains__, (f"x{i}" for i in itertools.count())))


def random(inputs: Sequence[Tensor], count: int) -> Samples:
    """Random samples that cover each input's whole range; the same ones every time."""
    generator = np.random.default_rng(_RANDOM_SEED)
    drawn = []
    for tensor in inputs:
        shape = (count, *tensor.shape)
        if np.issubdtype(tensor.dtype, np.floating):
            drawn.append(generator.normal(0, 1, shape).astype(tensor.dtype))
        else:
            limits = np.iinfo(tensor.dtype)
            drawn.append(
                generator.integers(limits.min, limits.max, shape, tensor.dtype, endpoint=True)
            )
    return Samples(tuple(drawn))


def predicted(output: Array, tensor: Tensor) -> int:
    """The class that one inference's first output stands for.

    The largest of several values; for a single quantized or floating-point value whether it is at
    least 0.5; a single integer that is not quantized (ARG_MAX) is the class itself.
    """
    if output.size > 1:
        return int(np.argmax(output))
    value = output.reshape(-1)[0]
    if tensor.quantization is not None:
        return int(tensor.quant.scale * (int(value) - tensor.quant.zero_point) >= 0.5)
    if np.issubdtype(output.dtype, np.floating):
        return int(value >= 0.5)
    return int(value)


def fitted(array: Array, tensor: Tensor, where: str) -> Array:
    """Samples, one per entry of the first axis, in the tensor's shape and dtype.

    Raises DataError that says ``where`` they come from and what was expected.
    """
    if array.ndim < 1 or _squeezed(array.shape[1:]) != _squeezed(tensor.shape):
        raise DataError(
            f"{where} has shape {array.shape}, but input {tensor.name!r} takes samples of shape "
            f"{tensor.shape[1:]}; save it with shape (samples, {_listed(tensor.shape[1:])})"
        )
    return _converted(array, tensor, where).reshape(len(array), *tensor.shape)


def _converted(array: Array, tensor: Tensor, where: str) -> Array:
    if np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            raise DataError(f"{where} holds values that are not finite; remove or replace them")
        if np.issubdtype(tensor.dtype, np.floating):
            return array.astype(tensor.dtype)
        if tensor.quantization is not None:
            return quantize(array, tensor)
    if array.dtype == tensor.dtype:
        return array
    raise DataError(
        f"{where} is {array.dtype}, but input {tensor.name!r} is {tensor.dtype}, and how the one "
        f"becomes the other is not for tinygen to guess; save it as {tensor.dtype}"
        + (", or as the real values in float32" if tensor.quantization is not None else "")
    )


def quantize(real: Array, tensor: Tensor) -> Array:
    """Real values as the tensor stores them: value / scale + zero_point, saturated.

    The quotient is taken in float32 and rounded half away from zero, as TFLite's QUANTIZE does.
    """
    limits = np.iinfo(tensor.dtype)
    steps = round_half_away(real.astype(np.float32) / np.float32(tensor.quant.scale))
    stored = np.clip(steps.astype(float) + tensor.quant.zero_point, limits.min, limits.max)
    return np.asarray(stored, tensor.dtype)


def _labels(array: Array, where: str) -> Array:
    if not np.issubdtype(array.dtype, np.integer) or _squeezed(array.shape[1:]) != ():
        raise DataError(
            f"{where} has dtype {array.dtype} and shape {array.shape}, but must hold one integer "
            "class per sample; save it with shape (samples,)"
        )
    return array.reshape(-1).astype(np.int64)


def _squeezed(shape: Shape) -> Shape:
    return tuple(size for size in shape if size != 1)


def _listed(shape: Shape) -> str:
    return ", ".join(str(size) for size in shape) or "1"
