"""Weight clustering: every layer's weights share a few values.

Han, Mao, Dally: "Deep Compression" (ICLR 2016). It changes neither shapes nor instructions, so
neither speed nor the flash that tinygen's kernels read from: int8 weights stay one byte each. What
shrinks is what a compressed stream of the weights takes, an update over the air for example, and
:func:`stream_bytes` says by how much.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen.compress.backend import keras, tensorflow
from tinygen.compress.fold import CHANNEL_AXIS
from tinygen.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from tinygen.ir import Array, Graph

_ROUNDS = 50
_ZLIB_LEVEL = 9


@dataclass(frozen=True, eq=False)
class Clusters:
    """Which weights of a model share a value: per kernel, the number of each weight's cluster."""

    kernels: tuple[Any, ...]
    members: tuple[Array, ...]
    count: int

    def project(self) -> None:
        """Put every weight back to the mean of its cluster: for after a step of training."""
        tf = tensorflow()
        for kernel, members in zip(self.kernels, self.members, strict=True):
            flat = tf.reshape(tf.convert_to_tensor(kernel), (-1,))
            means = tf.math.unsorted_segment_mean(flat, members, self.count)
            kernel.assign(tf.reshape(tf.gather(means, members), kernel.shape))


def cluster(model: Any, count: int) -> Clusters:
    """Share ``count`` values per layer, in place; the clusters, so that training can keep them.

    Every kernel is clustered by one-dimensional k-means, from values spread evenly between its
    smallest and largest weight, as Han et al. found best. Raises ConfigError for fewer than two
    values, ModelError where the model has no kernels.
    """
    if count < 2:
        raise ConfigError(f"weights cannot share {count} values; give at least 2")
    kinds = keras().layers
    wanted = (kinds.Dense, kinds.Conv1D, kinds.Conv2D, kinds.DepthwiseConv1D, kinds.DepthwiseConv2D)
    kernels = [layer.kernel for layer in model._flatten_layers() if isinstance(layer, wanted)]
    if not kernels:
        raise ModelError(f"model {model.name!r} has no weights to cluster; leave this step out")
    members = []
    for kernel in kernels:
        values = np.asarray(kernel)
        numbers, centres = _k_means(values.reshape(-1), count)
        kernel.assign(centres[numbers].reshape(values.shape).astype(values.dtype))
        members.append(numbers)
    return Clusters(tuple(kernels), tuple(members), count)


def stream_bytes(graph: Graph) -> int:
    """Bytes of all int8 weights of a graph after zlib: what a compressed stream of them takes."""
    weights = [node.input(1).constant for node in graph.nodes if node.op in CHANNEL_AXIS]
    return len(zlib.compress(b"".join(w.tobytes() for w in weights), _ZLIB_LEVEL))


def _k_means(values: Array, count: int) -> tuple[Array, Array]:
    """Cluster of each value, and the clusters' means."""
    centres = np.linspace(values.min(), values.max(), count)
    numbers = np.zeros(len(values), np.int32)
    for _ in range(_ROUNDS):
        edges = (centres[1:] + centres[:-1]) / 2
        found = np.searchsorted(edges, values).astype(np.int32)
        sizes = np.bincount(found, minlength=count)
        sums = np.bincount(found, weights=values, minlength=count)
        moved = np.where(sizes > 0, sums / np.maximum(sizes, 1), centres)
        if (found == numbers).all() and np.array_equal(moved, centres):
            break
        numbers, centres = found, np.sort(moved)
    return numbers, centres
