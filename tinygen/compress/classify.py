"""What a classifier's output means: log-probabilities, predictions, accuracy.

Networks end in a softmax, in one sigmoid for two classes, or in logits.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tinygen.compress.backend import keras, tensorflow

if TYPE_CHECKING:
    from tinygen.ir import Array

Ending = Literal["softmax", "sigmoid", "logits"]

# Below this, a probability in float32 has no more to say than that the class is improbable.
_SMALLEST = 1e-7
_BATCH = 256
_OPERATORS: dict[str, Ending] = {"SOFTMAX": "softmax", "LOGISTIC": "sigmoid"}


def ending(model: Any) -> Ending:
    """What the last operation of a keras.Model, or of a prepared one, makes of its scores."""
    plan = getattr(model, "plan", None)
    if plan is not None:
        last = plan.graph.producer(plan.graph.outputs[0])
        return _OPERATORS.get(last.op, "logits")
    operation = model.outputs[0]._keras_history.operation
    if hasattr(operation, "outputs") and hasattr(operation, "layers"):
        return ending(operation)
    function = getattr(operation, "activation", None)
    name = getattr(function, "__name__", "")
    if name == "softmax" or isinstance(operation, keras().layers.Softmax):
        return "softmax"
    return "sigmoid" if name == "sigmoid" else "logits"


def log_probabilities(outputs: Any, end: Ending) -> Any:
    """TensorFlow log-probabilities, (samples, classes), of a network's outputs."""
    tf = tensorflow()
    if end == "logits":
        return tf.nn.log_softmax(outputs)
    if end == "sigmoid":
        outputs = tf.concat([1 - outputs, outputs], axis=-1)
    return tf.math.log(tf.maximum(outputs, _SMALLEST))


def predict(model: Any, x: Array) -> Array:
    """Outputs of a keras.Model for all samples, as it computes them when it is not trained."""
    tf = tensorflow()

    outputs = tf.function(partial(model, training=False), autograph=False, reduce_retracing=True)
    parts = [outputs(x[at : at + _BATCH]).numpy() for at in range(0, len(x), _BATCH)]
    return np.concatenate(parts)


def accuracy(outputs: Array, y: Array, half: float = 0.5) -> float:
    """Share of samples whose class is right.

    ``outputs`` has shape (samples, ...), in any monotonic scale. The class is the largest output,
    of a single one whether it is at least ``half``.
    """
    flat = outputs.reshape(len(y), -1)
    classes = flat.argmax(axis=1) if flat.shape[1] > 1 else (flat[:, 0] >= half).astype(np.int64)
    return float(np.mean(classes == y))
