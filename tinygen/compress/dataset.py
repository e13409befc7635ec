"""Labelled samples to train with and to test with, from a file or from a function.

A source is the path of a .npz file, or ``module:function``. The function takes no arguments and
returns what a file may hold, as a mapping, or a pair ``(train, test)`` of tf.data.Datasets or of
``(x, y)`` arrays. Names are ``x_train``, ``y_train``, ``x_test``, ``y_test``; where there are only
``x`` and ``y``, one sample in five is held back for the test, drawn with a fixed seed.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen import data
from tinygen.compress.classify import ending
from tinygen.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Array

_PARTS = ("x_train", "y_train", "x_test", "y_test")
_HELD_BACK = 5
_VALIDATION = 8
_SPLIT_SEED = 20240229


@dataclass(frozen=True, eq=False)
class Labelled:
    """Samples, float32 of shape (count, *shape), and classes, int64 of shape (count,)."""

    x: Array
    y: Array

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, eq=False)
class Dataset:
    """What a network is trained with, and what every accuracy is measured on."""

    train: Labelled
    test: Labelled

    def validated(self) -> tuple[Dataset, Labelled]:
        """The data without one training sample in eight, drawn with a fixed seed, and those.

        Raises DataError where there are too few samples for that.
        """
        count = len(self.train) // _VALIDATION
        if not count:
            raise DataError(
                f"{len(self.train)} training samples are too few to hold some back for a "
                f"threshold; give at least {_VALIDATION}"
            )
        order = np.random.default_rng(_SPLIT_SEED).permutation(len(self.train))
        held, kept = (
            Labelled(self.train.x[part], self.train.y[part]) for part in np.split(order, [count])
        )
        return Dataset(kept, self.test), held

    def fitted(self, model: Any) -> Dataset:
        """The same samples in the shape that a keras.Model takes them in, checked against it.

        Axes of length one may be left out. Raises DataError for shapes that do not match and for
        classes that the network does not have.
        """
        if len(model.inputs) != 1 or len(model.outputs) != 1:
            raise DataError(
                f"model {model.name!r} has {len(model.inputs)} inputs and {len(model.outputs)} "
                "outputs, and training takes networks with one of each; compress the part that "
                "classifies"
            )
        shape = tuple(model.inputs[0].shape[1:])
        outputs = int(np.prod(model.outputs[0].shape[1:]))
        if outputs == 1 and ending(model) != "sigmoid":
            raise DataError(
                f"model {model.name!r} ends in one value that is no probability, and training "
                "takes classifiers; end it in a sigmoid, or in one output per class"
            )
        classes = max(outputs, 2)
        return Dataset(
            *(
                Labelled(_shaped(part.x, shape, name), _within(part.y, classes, name))
                for name, part in (("train", self.train), ("test", self.test))
            )
        )


def load(source: str) -> Dataset:
    """Read and check a source.

    Raises DataError that names the array, what is wrong with it and what would be right.
    """
    if ":" in source and not Path(source).exists():
        return _dataset(_called(source), source)
    return _dataset(data.arrays(Path(source)), source)


def make(parts: Mapping[str, Any], source: str = "data") -> Dataset:
    """A dataset of arrays by name, checked; ``source`` is what messages call it."""
    return _dataset(parts, source)


def _called(source: str) -> Any:
    """What a function of the user's own returns; it runs as they wrote it."""
    module, _, name = source.partition(":")
    # As `python -m` does: modules beside where the command runs are found.
    sys.path.insert(0, str(Path.cwd()))
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise DataError(
            f"data {source!r} cannot be found ({error}); name a .npz file, or a function as "
            "module:function that can be imported from here"
        ) from None
    finally:
        sys.path.pop(0)
    try:
        return function()
    except Exception as error:
        raise DataError(
            f"data {source!r} failed ({type(error).__name__}: {' '.join(str(error).split())}); "
            "correct the function"
        ) from error


def _dataset(given: Any, source: str) -> Dataset:
    parts = given if isinstance(given, Mapping) else _pair(given, source)
    if all(name in parts for name in _PARTS):
        whole = [np.asarray(parts[name]) for name in _PARTS]
        return Dataset(
            _labelled(whole[0], whole[1], source, "_train"),
            _labelled(whole[2], whole[3], source, "_test"),
        )
    if "x" in parts and "y" in parts:
        return _split(_labelled(np.asarray(parts["x"]), np.asarray(parts["y"]), source, ""), source)
    raise DataError(
        f"{source} has {', '.join(parts) or 'no arrays'}; it needs x and y, or {', '.join(_PARTS)}"
    )


def _pair(given: Any, source: str) -> dict[str, Array]:
    """The parts of ``(train, test)``, each a tf.data.Dataset or a pair of arrays."""
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise DataError(
            f"{source} returned {type(given).__name__}; return a mapping with "
            f"{', '.join(_PARTS)}, or a pair (train, test)"
        )
    parts: dict[str, Array] = {}
    for name, part in zip(("train", "test"), given, strict=True):
        parts[f"x_{name}"], parts[f"y_{name}"] = _arrays(part, f"{source}, {name} part")
    return parts


def _arrays(part: Any, where: str) -> Sequence[Array]:
    """Samples and classes; a tf.data.Dataset is read once, so that their order is ours."""
    if hasattr(part, "as_numpy_iterator"):
        elements = list(part.as_numpy_iterator())
        if not elements:
            raise DataError(f"{where} is empty; give it samples")
        if not all(isinstance(element, tuple) and len(element) == 2 for element in elements):
            raise DataError(f"{where} does not yield pairs (x, y); let it yield such pairs")
        x, y = ([np.asarray(element[i]) for element in elements] for i in (0, 1))
        batched = y[0].ndim > 0
        return [np.concatenate(a) if batched else np.stack(a) for a in (x, y)]
    if isinstance(part, tuple | list) and len(part) == 2:
        return [np.asarray(array) for array in part]
    raise DataError(
        f"{where} is a {type(part).__name__}; give a tf.data.Dataset or a pair (x, y) of arrays"
    )


def _labelled(x: Array, y: Array, source: str, suffix: str) -> Labelled:
    where = f"{source}: x{suffix}"
    if x.ndim < 2 or not len(x):
        raise DataError(
            f"{where} is empty or no list of samples (shape {x.shape}); "
            "give it the shape (samples, ...)"
        )
    if not np.issubdtype(x.dtype, np.number) or not np.isfinite(x).all():
        raise DataError(f"{where} holds values that are not finite numbers (NaN); remove them")
    classes = y.reshape(-1)
    if not np.issubdtype(y.dtype, np.integer) or len(classes) != len(x):
        raise DataError(
            f"{source}: y{suffix} has dtype {y.dtype} and shape {y.shape}, but must hold one "
            f"integer class for each of the {len(x)} samples"
        )
    return Labelled(np.ascontiguousarray(x, np.float32), classes.astype(np.int64))


def _split(whole: Labelled, source: str) -> Dataset:
    if len(whole) < 2 * _HELD_BACK:
        raise DataError(
            f"{source} has {len(whole)} samples, too few to hold some back for the test; give it "
            f"at least {2 * _HELD_BACK}, or {', '.join(_PARTS)}"
        )
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(whole))
    test, train = np.split(order, [len(whole) // _HELD_BACK])
    return Dataset(*(Labelled(whole.x[part], whole.y[part]) for part in (train, test)))


def _shaped(x: Array, shape: tuple[int | None, ...], part: str) -> Array:
    if None in shape or _squeezed(x.shape[1:]) != _squeezed(shape):
        raise DataError(
            f"the {part} samples have shape {x.shape[1:]}, but the model takes {shape}; "
            "give it samples of that shape"
        )
    return x.reshape(-1, *shape)


def _within(y: Array, classes: int, part: str) -> Array:
    if y.min() < 0 or y.max() >= classes:
        raise DataError(
            f"the {part} classes go from {y.min()} to {y.max()}, but the model has {classes}; "
            f"number them from 0 to {classes - 1}"
        )
    return y


def _squeezed(shape: Sequence[int | None]) -> tuple[int | None, ...]:
    return tuple(size for size in shape if size != 1)
