"""Channel ids, united where channels can only be removed together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tinygen.ir import Array


class Channels:
    """Union-find over channel ids; an id that is frozen keeps everything united with it."""

    def __init__(self) -> None:
        self._parents: list[int] = []
        self._frozen: set[int] = set()

    def __len__(self) -> int:
        return len(self._parents)

    def new(self, count: int) -> Array:
        """Ids for so many channels that nothing is known of yet."""
        first = len(self._parents)
        self._parents += range(first, first + count)
        return np.arange(first, first + count)

    def unite(self, a: Array, b: Array) -> None:
        """Channels at equal places of two arrays go together from now on."""
        for first, second in zip(a.tolist(), b.tolist(), strict=True):
            low, high = sorted((self.root(first), self.root(second)))
            self._parents[high] = low

    def freeze(self, ids: Array) -> None:
        """These channels stay."""
        self._frozen.update(ids.tolist())

    def root(self, channel: int) -> int:
        """What all channels that go together with this one have in common."""
        parents = self._parents
        while parents[channel] != channel:
            parents[channel] = parents[parents[channel]]
            channel = parents[channel]
        return channel

    def roots(self, ids: Array) -> Array:
        """:meth:`root` of each."""
        return np.array([self.root(channel) for channel in ids.tolist()], dtype=np.int64)

    @property
    def frozen(self) -> set[int]:
        """Roots of the channels that stay."""
        return {self.root(channel) for channel in self._frozen}


@dataclass
class Weight:
    """One weight of a layer, with the channels its slices belong to.

    ``axes`` has, per axis, the id of each slice, or None for an axis without channels. ``produces``
    is the axis of the channels that are computed with it, None for biases and statistics.
    ``uses`` counts how often one inference multiplies with each of its numbers.
    """

    axes: tuple[Array | None, ...]
    produces: int | None = None
    uses: int = 0


@dataclass
class Labelled:
    """A layer whose weights or settings follow its channels.

    ``weights`` stand in the order of ``layer.weights``. ``settings`` are the keys of the layer's
    config that are a number of channels, or a shape whose last axis is one.
    """

    layer: Any
    weights: list[Weight]
    input: Array
    output: Array
    settings: dict[str, Array] = field(default_factory=dict)
