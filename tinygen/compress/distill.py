"""Distillation: a student learns from what a teacher answers, not from the labels alone.

Hinton, Vinyals, Dean: "Distilling the Knowledge in a Neural Network" (2015); matching of features
after Romero et al.: "FitNets" (2015). An objective for the training loop, so that it combines with
whatever the student is: pruned, factorised, or quantization-aware.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygen.compress.backend import keras, tensorflow
from tinygen.compress.classify import ending, log_probabilities, predict
from tinygen.compress.training import hard_loss
from tinygen.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.compress.classify import Ending
    from tinygen.compress.dataset import Labelled
    from tinygen.compress.training import Batch


class Distillation:
    """(1 - weight) * cross-entropy + weight * T^2 * KL(teacher || student), at temperature T.

    The factor T^2 keeps the size of the soft gradient when the temperature changes. ``features``
    are pairs of layer names, teacher's and student's, whose outputs are brought together: the mean
    squared difference counts ``feature_weight`` times. Where the widths differ, the student's goes
    through a 1x1 projection that is trained along and then forgotten.

    The student may be any model that the training loop takes; features need one that names its
    layers, so not one prepared for int8. Raises ConfigError for teachers and features that do not
    fit.
    """

    def __init__(
        self,
        teacher: Any,
        student: Any,
        *,
        temperature: float = 2.0,
        weight: float = 0.5,
        features: Sequence[tuple[str, str]] = (),
        feature_weight: float = 1.0,
        seed: int = 0,
    ) -> None:
        self._teacher, self._temperature, self._weight = teacher, temperature, weight
        self._ends = ending(teacher), ending(student)
        self._feature_weight = feature_weight
        self._projections: list[Any] = []
        self._views: tuple[Any, Any] | None = None
        if features:
            self._match(teacher, student, features, seed)
        self._soft: Any = None

    @property
    def variables(self) -> list[Any]:
        """Those of the projections."""
        return [v for layer in self._projections if layer for v in layer.trainable_variables]

    def bind(self, samples: Labelled, augmented: bool) -> None:
        """Ask the teacher once, where it is asked the same in every epoch."""
        if tuple(self._teacher.input_shape[1:]) != samples.x.shape[1:]:
            raise ConfigError(
                f"the teacher takes samples of shape {self._teacher.input_shape[1:]}, and the "
                f"student {samples.x.shape[1:]}; distil from a teacher of the same data"
            )
        if not augmented and self._views is None:
            self._soft = self._softened(predict(self._teacher, samples.x), self._ends[0])

    def __call__(self, model: Any, batch: Batch) -> Any:
        """The loss of a batch."""
        tf = tensorflow()
        if self._views is not None:
            *theirs, answer = self._views[0](batch.x, training=False)
            *ours, outputs = self._views[1](batch.x, training=True)
            soft = self._softened(answer, self._ends[0])
        else:
            theirs, ours = [], []
            outputs = model(batch.x, training=True)
            soft = self._asked(batch)
        log_p = log_probabilities(outputs, self._ends[1])
        if log_p.shape[-1] != soft.shape[-1]:
            raise ConfigError(
                f"the teacher knows {soft.shape[-1]} classes and the student {log_p.shape[-1]}; "
                "distil from a teacher of the same classes"
            )
        mine = tf.nn.log_softmax(log_p / self._temperature)
        distance = tf.reduce_mean(tf.reduce_sum(tf.exp(soft) * (soft - mine), axis=-1))
        loss = (1 - self._weight) * hard_loss(log_p, batch.y)
        loss += self._weight * self._temperature**2 * distance
        for teacher, student, project in zip(theirs, ours, self._projections, strict=True):
            seen = project(student) if project else student
            loss += self._feature_weight * tf.reduce_mean(
                tf.square(tf.stop_gradient(teacher) - seen)
            )
        return loss

    def _asked(self, batch: Batch) -> Any:
        if self._soft is not None:
            return tensorflow().gather(self._soft, batch.index)
        return self._softened(self._teacher(batch.x, training=False), self._ends[0])

    def _softened(self, outputs: Any, end: Ending) -> Any:
        tf = tensorflow()
        return tf.stop_gradient(
            tf.nn.log_softmax(log_probabilities(outputs, end) / self._temperature)
        )

    def _match(
        self, teacher: Any, student: Any, features: Sequence[tuple[str, str]], seed: int
    ) -> None:
        outputs: tuple[list[Any], list[Any]] = ([], [])
        for number, names in enumerate(features):
            ends = [
                _layer(model, name, role).output
                for model, name, role in zip(
                    (teacher, student), names, ("teacher", "student"), strict=True
                )
            ]
            theirs, ours = (tuple(tensor.shape) for tensor in ends)
            if theirs[:-1] != ours[:-1]:
                raise ConfigError(
                    f"features {names[0]!r} of the teacher and {names[1]!r} of the student have "
                    f"shapes {theirs[1:]} and {ours[1:]}; match layers that differ in width only"
                )
            self._projections.append(_projection(ours, theirs[-1], seed + number))
            for list_, tensor in zip(outputs, ends, strict=True):
                list_.append(tensor)
        self._views = tuple(
            keras().Model(model.inputs[0], [*taken, model.outputs[0]])
            for model, taken in zip((teacher, student), outputs, strict=True)
        )


def _projection(ours: tuple[Any, ...], width: int, seed: int) -> Any:
    """A 1x1 layer to ``width`` channels, None where there are as many already."""
    if ours[-1] == width:
        return None
    start = keras().initializers.GlorotUniform(seed=seed)
    layer = keras().layers.Dense(width, use_bias=False, kernel_initializer=start)
    layer.build(ours)
    return layer


def _layer(model: Any, name: str, role: str) -> Any:
    for layer in model.layers:
        if layer.name == name:
            return layer
    raise ConfigError(
        f"the {role} has no layer {name!r} whose features could be matched; it has "
        f"{', '.join(layer.name for layer in model.layers)}"
    )
