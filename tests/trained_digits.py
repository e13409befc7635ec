"""scikit-learn's digits, and a small network trained on them; both the same every time."""

import functools

import numpy as np
from keras_layers import L, keras


@functools.cache
def data():
    """(x, y) of 1,437 images for training and of 360 for tests, pixels in [0, 1]."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = np.float32(x.reshape(-1, 8, 8, 1) / 16)
    order = np.random.default_rng(7).permutation(len(x))
    x, y = x[order], y[order]
    return (x[:-360], y[:-360]), (x[-360:], y[-360:])


@functools.cache
def trained():
    """A network with normalization, a depthwise layer and a sum, after 15 epochs."""
    keras.utils.set_random_seed(3)

    def normalized(x, layer):
        return L.ReLU()(L.BatchNormalization(momentum=0.9)(layer(x)))

    image = L.Input((8, 8, 1))
    x = normalized(image, L.Conv2D(16, 3, padding="same"))
    y = normalized(x, L.DepthwiseConv2D(3, padding="same"))
    x = L.Add()([x, normalized(y, L.Conv2D(16, 1))])
    x = L.MaxPooling2D()(x)
    x = normalized(x, L.Conv2D(16, 1))
    x = L.GlobalAveragePooling2D()(x)
    model = keras.Model(image, L.Dense(10, activation="softmax")(x))
    fit(model, epochs=15, rate=5e-3)
    return model


def fit(model, epochs, rate, seed=1):
    """Train in place."""
    (x, y), _ = data()
    keras.utils.set_random_seed(seed)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=64, epochs=epochs, verbose=0)
