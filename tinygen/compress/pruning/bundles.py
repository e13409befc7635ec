"""Channels that cost the same, and what a model takes with so many of them left."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tinygen.compress.pruning.structure import Structure
    from tinygen.ir import Array

_SHARPNESS = 16
"""How much a step of inference that needs more memory than the others outweighs them."""


@dataclass(frozen=True)
class _Axis:
    """How long an axis is: what is fixed, and how often a channel of each bundle lies in it."""

    fixed: int
    channels: Array

    def length(self, left: Array) -> int:
        return self.fixed + int(self.channels @ left)


@dataclass(frozen=True)
class _Size:
    """A weight as a product of axes; ``others`` is that of the axes without channels."""

    layer: str
    uses: int
    others: int
    axes: tuple[_Axis, ...]

    def numbers(self, left: Array) -> int:
        return self.others * int(np.prod([axis.length(left) for axis in self.axes], dtype=np.int64))


class Bundles:
    """The channels that can be removed, in bundles.

    A bundle holds the channels (roots of :class:`~tinygen.compress.pruning.channels.Channels`) that
    lie in the very same axes, equally often: one is as good as another, as far as cost goes. All
    figures take ``left``, the number of channels that is left of each bundle.
    """

    def __init__(self, structure: Structure) -> None:
        channels = structure.channels
        labels = [
            (labelled.layer.name, weight, stored.shape)
            for labelled in structure.layers
            for weight, stored in zip(labelled.weights, labelled.layer.weights, strict=True)
        ]
        arrays = [ids for _, weight, _ in labels for ids in weight.axes if ids is not None]
        arrays += [activation.ids for activation in structure.activations]
        frozen = channels.frozen
        rooted = [channels.roots(ids) for ids in arrays]
        places: dict[int, list[tuple[int, int]]] = {}
        for axis, ids in enumerate(rooted):
            for root, count in Counter(ids.tolist()).items():
                if root not in frozen:
                    places.setdefault(root, []).append((axis, count))
        kinds: dict[tuple[tuple[int, int], ...], list[int]] = {}
        for root in sorted(places):
            kinds.setdefault(tuple(places[root]), []).append(root)
        self.members = tuple(tuple(roots) for roots in kinds.values())
        counts = np.zeros((len(arrays), len(kinds)), np.int64)
        for bundle, kind in enumerate(kinds):
            for axis, count in kind:
                counts[axis, bundle] = count
        full = np.array([len(roots) for roots in self.members], np.int64)
        axes = iter(
            [
                _Axis(len(ids) - int(row @ full), row)
                for ids, row in zip(rooted, counts, strict=True)
            ]
        )
        self._weights = []
        for layer, weight, shape in labels:
            others = [n for n, ids in zip(shape, weight.axes, strict=True) if ids is None]
            own = tuple(next(axes) for ids in weight.axes if ids is not None)
            self._weights.append(_Size(layer, weight.uses, int(np.prod(others, dtype=int)), own))
        self._activations = [(activation, next(axes)) for activation in structure.activations]
        self._steps = 1 + max((a.last for a in structure.activations), default=0)

    @property
    def full(self) -> Array:
        """``left`` where nothing has been removed."""
        return np.array([len(roots) for roots in self.members], np.int64)

    def parameters(self, left: Array) -> float:
        """Numbers in the labelled weights."""
        return float(sum(weight.numbers(left) for weight in self._weights))

    def macs(self, left: Array, rates: Mapping[str, float] | None = None) -> float:
        """Multiplications of one inference, each weighed by the rate of its layer, if there is one.

        With cycles per multiplication for rates it is an idea of the cycles.
        """
        return sum(
            weight.uses * weight.numbers(left) * (1.0 if rates is None else rates[weight.layer])
            for weight in self._weights
            if weight.uses
        )

    def layer_macs(self) -> dict[str, int]:
        """Multiplications per layer, nothing removed."""
        totals: dict[str, int] = {}
        for weight in self._weights:
            if weight.uses:
                count = weight.uses * weight.numbers(self.full)
                totals[weight.layer] = totals.get(weight.layer, 0) + count
        return totals

    def memory(self, left: Array) -> float:
        """Bytes alive in the busiest step, smoothed so that all steps near it count (a p-norm)."""
        steps = np.zeros(self._steps)
        for activation, axis in self._activations:
            steps[activation.first : activation.last + 1] += activation.positions * axis.length(
                left
            )
        peak = float(steps.max())
        if not peak:
            return 0.0
        return peak * float(((steps / peak) ** _SHARPNESS).sum() ** (1 / _SHARPNESS))
