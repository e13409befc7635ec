"""Small Keras models with channels to remove, one per kind of layer, and what they must equal."""

import numpy as np
from keras_layers import L, keras


def _image(*layers, end=True):
    head = [L.Conv2D(3, 1)] if end else []
    return keras.Sequential([L.Input((8, 6, 3)), L.Conv2D(8, 3, padding="same"), *layers, *head])


def _sequence(*layers):
    return keras.Sequential([L.Input((12, 4)), L.Conv1D(8, 3), *layers, L.Dense(3)])


def _merged(layer):
    x = L.Input((8, 6, 3))
    y = layer([L.Conv2D(8, 3, activation="relu")(x) for _ in range(2)])
    return keras.Model(x, L.Conv2D(3, 1)(y))


def _operations():
    x = L.Input((8, 6, 3))
    a, b = L.Conv2D(8, 3)(x), L.Conv2D(8, 3)(x)
    return keras.Model(x, L.Conv2D(3, 1)(a + b * a))


def _gated():
    x = L.Input((8, 6, 3))
    y = L.Conv2D(8, 3)(x)
    squeezed = L.Dense(4, activation="relu")(L.GlobalAveragePooling2D(keepdims=True)(y))
    gate = L.Dense(8, activation="sigmoid")(squeezed)
    return keras.Model(x, L.Conv2D(3, 1)(L.Multiply()([y, gate])))


def _one_gate():
    x = L.Input((8, 6, 3))
    y = L.Multiply()([L.Conv2D(8, 3)(x), L.Conv2D(1, 3, activation="sigmoid")(x)])
    return keras.Model(x, L.Conv2D(3, 1)(y))


def _dense_net():
    x = L.Input((8, 6, 3))
    y = L.Conv2D(8, 3, padding="same")(x)
    z = L.Concatenate()([y, L.Conv2D(4, 3, padding="same")(y), y])
    return keras.Model(x, L.Dense(3)(L.Flatten()(L.BatchNormalization()(z))))


def _residual_over_concatenation():
    x = L.Input((8, 6, 3))
    y = L.Concatenate()([L.Conv2D(4, 3)(x), L.Conv2D(6, 3)(x)])
    y = L.Add()([y, L.Conv2D(10, 3)(x)])
    return keras.Model(x, L.Conv2D(3, 1)(L.ReLU()(y)))


def _joined_rows():
    x = L.Input((8, 6, 3))
    y = L.Concatenate(axis=1)([L.Conv2D(8, 3)(x), L.Conv2D(8, (5, 3))(x)])
    return keras.Model(x, L.Conv2D(3, 1)(y))


def _shared():
    x = L.Input((8, 6, 3))
    conv = L.Conv2D(8, 3, padding="same", activation="relu")
    scale, once = L.BatchNormalization(), L.Conv2D(8, 1)(x)
    return keras.Model(x, L.Conv2D(3, 1)(conv(scale(conv(scale(once))))))


def _shared_reshape():
    x = L.Input((8, 6, 3))
    fold = L.Reshape((48, 8))
    y = L.Add()([fold(L.Conv2D(8, 1)(x)), L.ReLU()(fold(L.Conv2D(8, 1)(x)))])
    return keras.Model(x, L.Conv1D(3, 3)(y))


def _nested():
    inner = keras.Sequential(
        [L.Input((8, 6, 8)), L.Conv2D(12, 3, padding="same"), L.ReLU(), L.Conv2D(8, 1)],
        name="inner",
    )
    x = L.Input((8, 6, 3))
    y = inner(inner(L.Conv2D(8, 1)(x)))
    return keras.Model(x, L.Conv2D(3, 1)(y))


def _two_ends():
    x, y = L.Input((8, 6, 3)), L.Input((6,))
    flat = L.Flatten()(L.Conv2D(8, 3, strides=2)(x))
    both = L.Dense(10, activation="relu")(L.Concatenate()([flat, y]))
    return keras.Model([x, y], [L.Dense(5)(both), L.Dense(3)(both)])


def _unrolled_units():
    x = L.Input((10,))
    y = L.Reshape((3, 4, 2))(L.Dense(24, activation="relu")(x))
    return keras.Model(x, L.Conv2D(3, 2)(y))


def _split_channels():
    return _image(L.Reshape((8, 12, 4)))


MODELS = {
    "Conv2D": lambda: _image(L.Conv2D(8, (3, 2), strides=2, padding="same", use_bias=False)),
    "Conv1D": lambda: _sequence(L.Conv1D(8, 3, padding="causal", dilation_rate=2)),
    "DepthwiseConv2D": lambda: _image(L.DepthwiseConv2D(3, depth_multiplier=2), L.ReLU()),
    "DepthwiseConv1D": lambda: _sequence(L.DepthwiseConv1D(3, use_bias=False)),
    "SeparableConv2D": lambda: _image(L.SeparableConv2D(8, 3, depth_multiplier=2)),
    "SeparableConv1D": lambda: _sequence(L.SeparableConv1D(8, 3, use_bias=False)),
    "Dense": lambda: keras.Sequential([L.Input((9,)), L.Dense(8, "relu"), L.Dense(8), L.Dense(3)]),
    "BatchNormalization": lambda: _image(L.BatchNormalization(), L.BatchNormalization(scale=False)),
    "Add": lambda: _merged(L.Add()),
    "Multiply": lambda: _merged(L.Multiply()),
    "Subtract": lambda: _merged(L.Subtract()),
    "Average": lambda: _merged(L.Average()),
    "Maximum": lambda: _merged(L.Maximum()),
    "Minimum": lambda: _merged(L.Minimum()),
    "Concatenate": lambda: _merged(L.Concatenate()),
    "Concatenate of one value twice": _dense_net,
    "Concatenate along rows": _joined_rows,
    "Add over Concatenate": _residual_over_concatenation,
    "operators": _operations,
    "squeeze and excitation": _gated,
    "Multiply by one channel": _one_gate,
    "AveragePooling2D": lambda: _image(L.AveragePooling2D(2)),
    "MaxPooling2D": lambda: _image(L.MaxPooling2D(2, padding="same")),
    "GlobalAveragePooling2D": lambda: _image(L.GlobalAveragePooling2D(), L.Dense(3), end=False),
    "GlobalMaxPooling2D": lambda: _image(L.GlobalMaxPooling2D(), L.Dense(3), end=False),
    "AveragePooling1D": lambda: _sequence(L.AveragePooling1D(2)),
    "MaxPooling1D": lambda: _sequence(L.MaxPooling1D(2)),
    "GlobalAveragePooling1D": lambda: _sequence(L.GlobalAveragePooling1D()),
    "GlobalMaxPooling1D": lambda: _sequence(L.GlobalMaxPooling1D()),
    "Flatten": lambda: _image(L.Flatten(), L.Dense(3), end=False),
    "Reshape": lambda: _image(L.Reshape((48, 8)), L.Conv1D(3, 3), end=False),
    "Reshape of rows into channels": lambda: _image(L.Reshape((8, 48)), L.Conv1D(3, 1), end=False),
    "Reshape of units": _unrolled_units,
    "Reshape that splits channels": _split_channels,
    "Permute": lambda: _image(L.Permute((2, 1, 3))),
    "Permute of channels": lambda: _image(L.Conv2D(8, 1), L.Permute((3, 1, 2))),
    "Activation": lambda: _image(L.Activation("tanh")),
    "LeakyReLU": lambda: _image(L.LeakyReLU()),
    "Softmax": lambda: _image(L.Conv2D(8, 1), L.Softmax()),
    "Dropout": lambda: _image(L.Dropout(0.5), L.SpatialDropout2D(0.5)),
    "ZeroPadding2D": lambda: _image(L.ZeroPadding2D(1), L.Cropping2D(((0, 1), (1, 0)))),
    "ZeroPadding1D": lambda: _sequence(L.ZeroPadding1D(1), L.Cropping1D(1)),
    "UpSampling2D": lambda: _image(L.UpSampling2D(2, interpolation="bilinear")),
    "UpSampling1D": lambda: _sequence(L.UpSampling1D(2)),
    "Rescaling": lambda: _image(L.Rescaling(2.0, offset=1.0)),
    "Rescaling per channel": lambda: _image(
        L.Conv2D(8, 1), L.Rescaling(np.arange(1.0, 9).tolist())
    ),
    "shared layers": _shared,
    "shared Reshape": _shared_reshape,
    "nested models": _nested,
    "two inputs and outputs": _two_ends,
    "LSTM": lambda: _sequence(L.LSTM(8, return_sequences=True), L.LSTM(6)),
    "GRU": lambda: _sequence(L.GRU(8, return_sequences=True), L.GRU(6, reset_after=False)),
    "SimpleRNN": lambda: _sequence(L.SimpleRNN(8, use_bias=False)),
}


def build(name):
    """A model of MODELS in which no two weights and statistics are equal."""
    keras.utils.set_random_seed(list(MODELS).index(name))
    return stirred(MODELS[name]())


def stirred(model):
    """The model with biases and statistics that are not at their defaults."""
    random = np.random.default_rng(3)
    for weight in model.weights:
        if len(weight.shape) == 1:
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
    return model


def inputs_of(model, count=4):
    random = np.random.default_rng(5)
    return [random.normal(size=(count, *x.shape[1:])).astype(np.float32) for x in model.inputs]


def outputs(model, inputs):
    given = inputs if len(inputs) > 1 else inputs[0]
    return [value.numpy() for value in keras.tree.flatten(model(given, training=False))]


def masked_outputs(model, structure, removed, inputs):
    """Outputs of the original when nobody listens to the removed channels; weights are restored."""
    before = model.get_weights()
    for labelled in structure.layers:
        arrays = labelled.layer.get_weights()
        for array, weight in zip(arrays, labelled.weights, strict=True):
            for axis, ids in enumerate(weight.axes):
                if ids is not None and weight.produces not in (None, axis):
                    gone = np.isin(structure.channels.roots(ids), sorted(removed))
                    np.moveaxis(array, axis, 0)[gone] = 0
        labelled.layer.set_weights(arrays)
    result = outputs(model, inputs)
    model.set_weights(before)
    return result
