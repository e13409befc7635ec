"""How much a channel matters, as its share of what its layers hold.

A layer's scores are divided by their sum before layers are compared: scales differ from layer to
layer and mean nothing. A channel that several layers compute has the mean of its shares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from tinygen.compress.backend import keras, tensorflow
from tinygen.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tinygen.compress.pruning.channels import Labelled
    from tinygen.compress.pruning.structure import Structure
    from tinygen.ir import Array

Criterion = Literal["l1", "l2", "bn", "taylor", "random"]
CRITERIA: tuple[Criterion, ...] = get_args(Criterion)

_BATCH = 32


def importance(
    model: Any,
    structure: Structure,
    criterion: Criterion,
    samples: tuple[Any, Any] | None,
    loss: Callable[[Any, Any], Any] | None,
    seed: int,
) -> dict[int, float]:
    """The share of each channel, by its root; channels the criterion says nothing of are left out.

    ``l1``, ``l2``: absolute values, or squares, of the weights that compute the channel (Li et al.
    2017). ``bn``: the square of BatchNormalization's scale (Liu et al. 2017). ``taylor``: the
    squared first-order change of the loss without the channel, (sum of weight * gradient)**2
    (Molchanov et al. 2019), on ``samples``. ``random``: nothing but ``seed``, as a control.

    Raises ConfigError for an unknown criterion or one that the model has no layers for, DataError
    for samples that are missing or wrong.
    """
    if criterion not in CRITERIA:
        raise ConfigError(
            f"pruning criterion {criterion!r} is not known; use one of {', '.join(CRITERIA)}"
        )
    scored: Iterable[tuple[Array, Array]]
    if criterion == "random":
        drawn = np.random.default_rng(seed).random(len(structure.channels))
        scored = ((ids, drawn[ids]) for ids in _computed(structure))
    elif criterion == "bn":
        scored = _scales(structure)
    elif criterion == "taylor":
        scored = _taylor(model, structure, samples, loss)
    else:
        scored = _norms(structure, 1 if criterion == "l1" else 2)
    found: dict[int, list[float]] = {}
    for ids, scores in scored:
        total = float(scores.sum())
        for root, score in zip(structure.channels.roots(ids).tolist(), scores, strict=True):
            found.setdefault(root, []).append(float(score) / total if total else 0.0)
    if not found:
        raise ConfigError(
            f"pruning criterion {criterion!r} finds no layer to look at in model {model.name!r}; "
            "use 'l2'"
        )
    frozen = structure.channels.frozen
    return {root: float(np.mean(each)) for root, each in found.items() if root not in frozen}


def _computed(structure: Structure) -> Iterator[Array]:
    """Ids of every weight axis along which channels are computed."""
    for labelled in structure.layers:
        for weight in labelled.weights:
            if weight.produces is not None:
                ids = weight.axes[weight.produces]
                assert ids is not None
                yield np.unique(ids)


def _norms(structure: Structure, power: int) -> Iterator[tuple[Array, Array]]:
    for labelled in structure.layers:
        yield from _per_channel(
            labelled, [np.abs(array) ** power for array in labelled.layer.get_weights()]
        )


def _per_channel(labelled: Labelled, terms: list[Array]) -> Iterator[tuple[Array, Array]]:
    """Terms of a layer's weights, summed for each channel that is computed with them."""
    for weight, values in zip(labelled.weights, terms, strict=True):
        if weight.produces is None:
            continue
        ids = weight.axes[weight.produces]
        assert ids is not None
        over = tuple(axis for axis in range(values.ndim) if axis != weight.produces)
        unique, places = np.unique(ids, return_inverse=True)
        yield unique, np.bincount(places, values.sum(axis=over, dtype=np.float64))


def _scales(structure: Structure) -> Iterator[tuple[Array, Array]]:
    for labelled in structure.layers:
        if _is_scaling(labelled.layer):
            yield labelled.output, np.asarray(labelled.layer.gamma, np.float64) ** 2


def _is_scaling(layer: Any) -> bool:
    return isinstance(layer, keras().layers.BatchNormalization) and layer.scale


def _taylor(
    model: Any,
    structure: Structure,
    samples: tuple[Any, Any] | None,
    loss: Callable[[Any, Any], Any] | None,
) -> Iterator[tuple[Array, Array]]:
    """Squares per batch, summed: opposite signs in different batches do not cancel out."""
    if samples is None or not len(samples[1]):
        raise DataError("pruning criterion 'taylor' needs samples; give samples=(x, y)")
    x, y = samples
    inputs = [np.asarray(array) for array in (x if isinstance(x, list | tuple) else [x])]
    if {len(array) for array in inputs} != {len(y)}:
        raise DataError(
            f"pruning has {[len(array) for array in inputs]} samples and {len(y)} labels; "
            "give as many of one as of the other"
        )
    tf = tensorflow()
    measure = loss or default_loss(model, np.asarray(y))
    layers = [labelled for labelled in structure.layers if labelled.weights]
    variables = [[v.value for v in labelled.layer.weights] for labelled in layers]
    sums: dict[tuple[int, int], tuple[Array, Array]] = {}
    for start in range(0, len(y), _BATCH):
        batch = [array[start : start + _BATCH] for array in inputs]
        with tf.GradientTape() as tape:
            tape.watch(variables)
            output = model(batch if len(batch) > 1 else batch[0], training=False)
            value = tf.reduce_mean(measure(y[start : start + _BATCH], output))
        gradients = tape.gradient(value, variables, unconnected_gradients="zero")
        for number, (labelled, mine, slopes) in enumerate(
            zip(layers, variables, gradients, strict=True)
        ):
            terms = [(v * slope).numpy() for v, slope in zip(mine, slopes, strict=True)]
            for place, (ids, change) in enumerate(_changes(labelled, terms)):
                _, before = sums.get((number, place), (ids, np.zeros(len(ids))))
                sums[number, place] = ids, before + change**2
    yield from sums.values()


def _changes(labelled: Labelled, terms: list[Array]) -> Iterator[tuple[Array, Array]]:
    """What the loss changes by, to first order, when a layer no longer computes a channel.

    A bias or a shift goes with the channel.
    """
    if _is_scaling(labelled.layer):
        yield labelled.output, terms[0] + (terms[1] if labelled.layer.center else 0)
        return
    shift = getattr(labelled.layer, "use_bias", False) and terms[-1].ndim == 1
    for ids, change in _per_channel(labelled, terms):
        if shift and len(ids) == len(labelled.output) == len(terms[-1]):
            yield ids, change + terms[-1]
        else:
            yield ids, change


def default_loss(model: Any, y: Array) -> Callable[[Any, Any], Any]:
    """Cross-entropy for integer labels or for probabilities, else the squared difference.

    Raises DataError for labels that the model has no output for.
    """
    losses = keras().losses
    classes = model.output_shape[-1]
    activation = getattr(getattr(model.layers[-1], "activation", None), "__name__", "")
    probable = activation in ("softmax", "sigmoid") or isinstance(
        model.layers[-1], keras().layers.Softmax
    )
    if np.issubdtype(y.dtype, np.integer) and classes > 1 and y.ndim == 1:
        if y.min() < 0 or y.max() >= classes:
            raise DataError(
                f"labels reach from {y.min()} to {y.max()}, and model {model.name!r} has {classes} "
                f"classes; give labels from 0 to {classes - 1}"
            )
        return losses.SparseCategoricalCrossentropy(from_logits=not probable)  # type: ignore[no-any-return]
    if probable and activation != "sigmoid":
        return losses.CategoricalCrossentropy()  # type: ignore[no-any-return]
    return losses.MeanSquaredError()  # type: ignore[no-any-return]
