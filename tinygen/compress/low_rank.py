"""Low-rank factorisation: a dense layer or a 1x1 convolution becomes two thin ones.

W (inputs x outputs) = U S V; the r largest singular values are kept, and W x is computed as
(W_2 (W_1 x)) with W_1 = U_r sqrt(S_r) and W_2 = sqrt(S_r) V_r, the best approximation of rank r
(Eckart and Young, 1936). That pays where r (inputs + outputs) < inputs * outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen.compress.backend import keras
from tinygen.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from tinygen.ir import Array

_BISECTIONS = 40


@dataclass(frozen=True)
class Factorised:
    """A smaller model; ``ranks`` of the layers that became two, by their names."""

    model: Any
    ranks: dict[str, int]


@dataclass(frozen=True, eq=False)
class _Candidate:
    layer: Any
    u: Array
    s: Array
    v: Array

    @property
    def whole(self) -> int:
        return int(self.u.shape[0] * self.v.shape[1])

    def rank(self, energy: float) -> int:
        """The smallest rank that keeps this share of the squared singular values."""
        kept = np.cumsum(self.s.astype(np.float64) ** 2)
        return int(np.searchsorted(kept, energy * kept[-1] * (1 - 1e-12)) + 1)

    def size(self, rank: int) -> int:
        """Weights that the layer has then; a rank that does not pay leaves it as it is."""
        return min(rank * int(self.u.shape[0] + self.v.shape[1]), self.whole)


def factorise(
    model: Any, *, energy: float | None = None, parameters: float | None = None
) -> Factorised:
    """Factorise every dense layer and 1x1 convolution of a keras.Model for which that pays.

    Either ``energy`` is given, the share of each layer's squared singular values to keep, or
    ``parameters``, the share of the weights in all those layers that may be left; then the same
    energy is kept in every layer, as much as that allows. The model given stays as it is. Raises
    ConfigError for shares outside (0, 1], ModelError where no layer can be factorised.
    """
    if (energy is None) == (parameters is None):
        raise ConfigError("a factorisation needs either energy or parameters; give one of them")
    share = energy if energy is not None else parameters
    if share is None or not 0 < share <= 1:
        raise ConfigError(f"the share to keep is {share}; give one above 0 and at most 1")
    candidates = _candidates(model)
    if not candidates:
        raise ModelError(
            f"model {model.name!r} has neither dense layers nor 1x1 convolutions to factorise; "
            "leave this step out"
        )
    kept = energy if energy is not None else _energy(candidates, share)
    chosen = {
        candidate.layer.name: (candidate, rank)
        for candidate in candidates
        for rank in (candidate.rank(kept),)
        if candidate.size(rank) < candidate.whole
    }
    rebuilt = _rebuilt(model, chosen)
    return Factorised(rebuilt, {name: rank for name, (_, rank) in chosen.items()})


def _energy(candidates: list[_Candidate], parameters: float) -> float:
    """The largest energy whose ranks leave at most this share of the weights, by bisection."""
    allowed = parameters * sum(candidate.whole for candidate in candidates)
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if sum(c.size(c.rank(middle)) for c in candidates) <= allowed:
            low = middle
        else:
            high = middle
    return low


def _candidates(model: Any) -> list[_Candidate]:
    found = []
    for layer in model.layers:
        if _is_matrix(layer):
            kernel = np.asarray(layer.kernel)
            matrix = kernel.reshape(kernel.shape[-2:])
            found.append(_Candidate(layer, *np.linalg.svd(matrix, full_matrices=False)))
    return [candidate for candidate in found if len(candidate.s) > 1]


def _is_matrix(layer: Any) -> bool:
    layers = keras().layers
    if type(layer) is layers.Dense:
        return True
    if type(layer) not in (layers.Conv1D, layers.Conv2D):
        return False
    return layer.groups == 1 and all(size == 1 for size in layer.kernel_size)


def _rebuilt(model: Any, chosen: dict[str, tuple[_Candidate, int]]) -> Any:
    """A copy of the model in which the chosen layers are pairs."""
    pairs: dict[str, tuple[Any, Any]] = {}

    def called(layer: Any, *args: Any, **options: Any) -> Any:
        if layer.name not in chosen:
            return layer(*args, **options)
        if layer.name not in pairs:
            pairs[layer.name] = _pair(layer, chosen[layer.name][1])
        first, second = pairs[layer.name]
        return second(first(*args, **options))

    # A Sequential model has no place to call layers differently.
    plain = keras().Model(_bare(model.inputs), _bare(model.outputs), name=model.name)
    copy = keras().models.clone_model(plain, call_function=called)
    originals = {layer.name: layer for layer in plain.layers}
    for layer in copy.layers:
        if layer.name in originals:
            layer.set_weights(originals[layer.name].get_weights())
    for name, (first, second) in pairs.items():
        candidate, rank = chosen[name]
        root = np.sqrt(candidate.s[:rank])
        shape = candidate.layer.kernel.shape[:-2]
        first.set_weights([(candidate.u[:, :rank] * root).reshape(*shape, -1, rank)])
        matrix = (root[:, np.newaxis] * candidate.v[:rank]).reshape(*shape, rank, -1)
        second.set_weights([matrix, *candidate.layer.get_weights()[1:]])
    return copy


def _bare(tensors: list[Any]) -> Any:
    """One tensor by itself, as the model has been called with so far."""
    return tensors[0] if len(tensors) == 1 else tensors


def _pair(layer: Any, rank: int) -> tuple[Any, Any]:
    """The two layers for one: what is strided goes first, bias and activation last."""
    first, second = layer.get_config(), layer.get_config()
    first["name"], second["name"] = f"{layer.name}_in", f"{layer.name}_out"
    first["units" if "units" in first else "filters"] = rank
    first |= {"activation": "linear", "use_bias": False, "bias_regularizer": None}
    if "strides" in second:
        second["strides"] = 1
    kind = type(layer)
    return kind.from_config(first), kind.from_config(second)
