"""Small classifiers, and samples that they can learn."""

import numpy as np
from keras_layers import L, keras

from tinygen.compress import dataset


def blobs(count=96, classes=3, shape=(6, 6, 1), seed=0):
    """Noisy copies of one random pattern per class; half of them for the test."""
    generator = np.random.default_rng(seed)
    patterns = generator.normal(0, 1, (classes, *shape))
    y = np.arange(count) % classes
    x = (patterns[y] + generator.normal(0, 0.3, (count, *shape))).astype(np.float32)
    half = count // 2
    return dataset.make(
        {"x_train": x[:half], "y_train": y[:half], "x_test": x[half:], "y_test": y[half:]}
    )


def convolutional(seed=0, width=8, dropout=0.0, classes=3):
    """Two normalized convolutions and a dense layer on (6, 6, 1)."""
    keras.utils.set_random_seed(seed)
    layers = [
        L.Input((6, 6, 1)),
        L.Conv2D(width, 3, use_bias=False, name="first"),
        L.BatchNormalization(momentum=0.8, name="norm"),
        L.ReLU(name="relu"),
        L.Conv2D(width, 1, name="second", activation="relu"),
        L.Flatten(name="flat"),
    ]
    if dropout:
        layers.append(L.Dropout(dropout, name="drop"))
    return keras.Sequential([*layers, L.Dense(classes, activation="softmax", name="classes")])


def weights(model):
    """All of a model's weights, one after the other."""
    return np.concatenate([np.ravel(w) for w in model.get_weights()])
