"""The one training loop: for float networks, fine-tuning, distillation, training for int8.

Deterministic: the order of samples, augmentation and dropout follow from the plan's seed and the
number of the epoch alone. After every epoch the state is saved, if a file is named; a run that was
killed goes on from there and ends with the same weights as one that was not.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tinygen.compress.backend import keras, tensorflow
from tinygen.compress.classify import Ending, ending, log_probabilities
from tinygen.errors import DataError, ModelError
from tinygen.progress import Progress, Silent

if TYPE_CHECKING:
    from pathlib import Path

    from tinygen.compress.dataset import Labelled
    from tinygen.ir import Array

Augment = Callable[[Any, Any], Any]
"""A batch and an int32 seed of shape (2,) to a batch of the same shape; without state."""


@dataclass(frozen=True)
class Plan:
    """How long, how fast, and from which seed; the rate falls to zero along a cosine."""

    epochs: int
    learning_rate: float = 2e-3
    batch: int = 128
    seed: int = 0
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Batch:
    """Part of the training samples as TensorFlow values; ``index`` says which they are."""

    index: Any
    x: Any
    y: Any


class Objective(Protocol):
    """What is minimised."""

    @property
    def variables(self) -> list[Any]:
        """What is trained besides the model."""
        ...

    def bind(self, samples: Labelled, augmented: bool) -> None:
        """Called once before training, with all samples."""
        ...

    def __call__(self, model: Any, batch: Batch) -> Any:
        """The loss of a batch; the model is run with ``training=True``."""
        ...


class CrossEntropy:
    """The mean negative log-probability of the right class."""

    def __init__(self, end: Ending) -> None:
        self._end = end
        self.variables: list[Any] = []

    def bind(self, samples: Labelled, augmented: bool) -> None:
        """Needs nothing to be prepared."""

    def __call__(self, model: Any, batch: Batch) -> Any:
        """The loss of a batch."""
        return hard_loss(log_probabilities(model(batch.x, training=True), self._end), batch.y)


def hard_loss(log_p: Any, y: Any) -> Any:
    """Cross-entropy with the labels, mean over the batch."""
    tf = tensorflow()
    return -tf.reduce_mean(tf.gather(log_p, y, batch_dims=1))


def fit(
    model: Any,
    samples: Labelled,
    plan: Plan,
    *,
    objective: Objective | None = None,
    augment: Augment | None = None,
    after_step: Callable[[], None] | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    title: str = "training",
) -> list[float]:
    """Train a model in place with Adam; returns the mean loss of every epoch.

    ``after_step`` is traced into the training step, to put weights back where they have to be.
    Batches that would not be full are left out, with other samples in every epoch. Raises DataError
    without samples, ModelError when nothing can be trained or the loss is no longer finite.
    """
    if not len(samples):
        raise DataError("there are no samples to train with; give the training data some")
    objective = CrossEntropy(ending(model)) if objective is None else objective
    objective.bind(samples, augment is not None)
    watch = Silent() if progress is None else progress
    loop = _Loop(model, samples, plan, objective, augment, after_step)
    losses = loop.restore(checkpoint)
    for epoch in range(len(losses), plan.epochs):
        indices = loop.order(epoch)
        label = f"{title}: epoch {epoch + 1} of {plan.epochs}"
        total = tensorflow().zeros(())
        for number, index in enumerate(watch.track(indices, len(indices), label)):
            total += loop.step(index, np.array([epoch, number], np.int32))
        losses.append(float(total) / len(indices))
        if not (np.isfinite(losses[-1]) and loop.is_finite()):
            raise ModelError(
                f"{title}: loss or weights are no longer finite in epoch {epoch + 1}; "
                f"use a learning rate below {plan.learning_rate:g}"
            )
        loop.save(checkpoint, losses)
        watch.step(f"{label}, loss {losses[-1]:.4f}")
    return losses


class _Loop:
    """One training step as one TensorFlow graph, and the state that it changes."""

    def __init__(
        self,
        model: Any,
        samples: Labelled,
        plan: Plan,
        objective: Objective,
        augment: Augment | None,
        after_step: Callable[[], None] | None,
    ) -> None:
        trained = [*model.trainable_variables, *objective.variables]
        if not model.trainable_variables:
            raise ModelError(f"model {model.name!r} has nothing to train; unfreeze its layers")
        self._plan, self._count, self._trained = plan, len(samples), trained
        self._batch = min(plan.batch, self._count)
        steps = plan.epochs * (self._count // self._batch)
        schedule = keras().optimizers.schedules.CosineDecay(plan.learning_rate, max(steps, 1))
        optimizer = keras().optimizers.Adam(schedule, weight_decay=plan.weight_decay or None)
        optimizer.build(trained)
        _reseed(model, plan.seed)
        self._state = [*model.variables, *objective.variables, *optimizer.variables]
        self.step = _compiled(model, samples, plan.seed, objective, optimizer, augment, after_step)

    def order(self, epoch: int) -> Array:
        """Indices of the epoch's samples, (steps, batch)."""
        drawn = np.random.default_rng((self._plan.seed, epoch)).permutation(self._count)
        steps = self._count // self._batch
        return drawn[: steps * self._batch].reshape(steps, self._batch)

    def is_finite(self) -> bool:
        """Whether all weights are: a ReLU can hide from the loss that some are not."""
        return all(np.isfinite(variable.numpy()).all() for variable in self._trained)

    def restore(self, checkpoint: Path | None) -> list[float]:
        """Go on from a checkpoint of the same plan; returns the losses up to there."""
        if checkpoint is None or not checkpoint.is_file():
            return []
        with np.load(checkpoint, allow_pickle=False) as saved:
            if str(saved["plan"]) != repr(self._plan):
                return []
            for index, variable in enumerate(self._state):
                variable.assign(saved[f"v{index}"])
            return [float(loss) for loss in saved["losses"]]

    def save(self, checkpoint: Path | None, losses: list[float]) -> None:
        """Write the whole state; a file that is there is replaced in one go."""
        if checkpoint is None:
            return
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        scratch = checkpoint.with_suffix(".new.npz")
        values = {f"v{i}": variable.numpy() for i, variable in enumerate(self._state)}
        np.savez(scratch, plan=repr(self._plan), losses=np.array(losses), **values)
        os.replace(scratch, checkpoint)


def _compiled(
    model: Any,
    samples: Labelled,
    seed: int,
    objective: Objective,
    optimizer: Any,
    augment: Augment | None,
    after_step: Callable[[], None] | None,
) -> Callable[[Array, Array], Any]:
    tf = tensorflow()
    x, y = tf.constant(samples.x), tf.constant(samples.y)
    trained = [*model.trainable_variables, *objective.variables]

    def step(index: Any, number: Any) -> Any:
        given = tf.gather(x, index)
        if augment is not None:
            given = augment(given, tf.random.experimental.stateless_fold_in(number, seed))
        with tf.GradientTape() as tape:
            loss = objective(model, Batch(index, given, tf.gather(y, index)))
            if model.losses:
                loss += tf.add_n(model.losses)
        optimizer.apply(tape.gradient(loss, trained), trained)
        if after_step is not None:
            after_step()
        return loss

    traced = tf.function(step, autograph=False, reduce_retracing=True)
    return lambda index, number: traced(tf.constant(index), tf.constant(number))


def _reseed(model: Any, seed: int) -> None:
    """Start every dropout from the plan's seed: loaded layers come with a random one."""
    for number, layer in enumerate(model._flatten_layers()):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign(np.array([seed, number], generator.state.dtype))
