"""Single weights set to zero, the smallest first.

The model keeps its shape: the kernels multiply with zeros as with anything else, so it runs no
faster and takes no less memory. What it buys is a file that compresses well, and a yardstick for
structured pruning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen.compress.backend import keras
from tinygen.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tinygen.ir import Array


@dataclass(frozen=True)
class Masks:
    """True where a weight is kept, by the path of the weight in its model."""

    kept: Mapping[str, Array]

    @property
    def sparsity(self) -> float:
        """The part of the masked weights that is zero."""
        total = sum(mask.size for mask in self.kept.values())
        return 1 - sum(int(mask.sum()) for mask in self.kept.values()) / total

    def apply(self, model: Any) -> None:
        """Set weights to zero, in place."""
        for weight in model.trainable_weights:
            if weight.path in self.kept:
                weight.assign(weight * self.kept[weight.path])

    def callback(self) -> Any:
        """A keras.callbacks.Callback that keeps zeros zero while the model trains."""
        masks = self

        class KeepZeros(keras().callbacks.Callback):  # type: ignore[misc]
            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                masks.apply(self.model)

        return KeepZeros()


def magnitude_masks(model: Any, sparsity: float, *, per_layer: bool = False) -> Masks:
    """Masks that keep the largest weights of a keras.Model and zero the part ``sparsity``.

    Kernels take part, biases and statistics do not. They are ranked together, or with
    ``per_layer`` each by itself; among equal ones the first in memory goes first. The model is not
    changed. Raises ConfigError unless 0 <= sparsity < 1, ModelError for a model without kernels or
    with weights that are not finite.
    """
    if not 0 <= sparsity < 1:
        raise ConfigError(f"a sparsity of {sparsity} is not in [0, 1); correct it")
    kernels = {
        weight.path: np.asarray(weight)
        for weight in model.trainable_weights
        if len(weight.shape) > 1
    }
    if not kernels:
        raise ModelError(f"model {model.name!r} has no kernels to prune; build it first")
    for path, kernel in kernels.items():
        if not np.isfinite(kernel).all():
            raise ModelError(
                f"weight {path} holds values that are not finite; train the model again"
            )
    groups = [[path] for path in kernels] if per_layer else [list(kernels)]
    kept: dict[str, Array] = {}
    for paths in groups:
        sizes = np.abs(np.concatenate([kernels[path].reshape(-1) for path in paths]))
        mask = np.ones(sizes.size, bool)
        mask[np.argsort(sizes, kind="stable")[: round(sparsity * sizes.size)]] = False
        ends = np.cumsum([kernels[path].size for path in paths])
        for path, part in zip(paths, np.split(mask, ends[:-1]), strict=True):
            kept[path] = part.reshape(kernels[path].shape)
    return Masks(kept)
