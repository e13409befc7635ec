"""Small Keras models that together have every supported layer, each with its settings."""

import importlib


class Lazy:
    """A module that is imported when first used: test modules name the cases without Keras."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, attribute):
        # Collecting tests asks every object for private attributes; that must not import anything.
        if attribute.startswith("_"):
            raise AttributeError(attribute)
        return getattr(importlib.import_module(self._name), attribute)


keras = Lazy("keras")
L = Lazy("keras.layers")


def image(*layers):
    """A model of these layers on (10, 8, 3) images."""
    return keras.Sequential([L.Input((10, 8, 3)), *layers])


def sequence(*layers):
    """A model of these layers on 12 steps of 4 channels."""
    return keras.Sequential([L.Input((12, 4)), *layers])


def vector(*layers):
    """A model of these layers on 12 values."""
    return keras.Sequential([L.Input((12,)), *layers])


def merged(layer, count=2):
    """A model that merges several convolutions of one image."""
    x = L.Input((10, 8, 3))
    return keras.Model(x, layer([L.Conv2D(4, 3)(x) for _ in range(count)]))


def gated():
    """Channels weighted by what they are on average, as in squeeze-and-excitation."""
    x = L.Input((10, 8, 3))
    y = L.Conv2D(8, 3)(x)
    gate = L.Dense(8, activation="sigmoid")(L.GlobalAveragePooling2D(keepdims=True)(y))
    return keras.Model(x, L.Multiply()([y, gate]))


def joined_gate():
    """A sigmoid concatenated with what has another range."""
    x = L.Input((12,))
    return keras.Model(x, L.Concatenate()([L.Dense(4, activation="sigmoid")(x), L.Dense(5)(x)]))


def operations():
    """Sums written as x + y."""
    x = L.Input((10, 8, 3))
    a, b = L.Conv2D(4, 3)(x), L.Conv2D(4, 3)(x)
    return keras.Model(x, a + b - a)


def nested():
    """A model inside a model, used twice."""
    inner = keras.Sequential([L.Input((10, 8, 3)), L.Conv2D(3, 3, padding="same"), L.ReLU()])
    x = L.Input((10, 8, 3))
    return keras.Model(x, inner(inner(x)))


def two_ends():
    """Two inputs and two outputs."""
    x, y = L.Input((10, 8, 3)), L.Input((6,))
    flat = L.Flatten()(L.Conv2D(2, 3, strides=2)(x))
    return keras.Model([x, y], [L.Dense(5)(L.Concatenate()([flat, y])), L.Dense(3)(y)])


def residual_v2():
    """Normalization and activation before the convolution, its input read twice."""
    x = L.Input((10, 8, 3))
    y = L.Conv2D(4, 3, padding="same")(x)
    z = L.Conv2D(4, 3, padding="same")(L.ReLU()(L.BatchNormalization()(y)))
    return keras.Model(x, L.Add()([y, z]))


def adapted():
    """Normalization by statistics set at construction."""
    return image(L.Normalization(mean=[0.1, 0.2, -0.1], variance=[1.0, 2.0, 0.5]), L.Conv2D(4, 3))


CASES = {
    "conv": lambda: image(L.Conv2D(8, (3, 2), strides=(2, 1), padding="same")),
    "conv_dilated": lambda: image(L.Conv2D(8, 3, dilation_rate=(2, 1), use_bias=False)),
    "conv_relu6": lambda: image(L.Conv2D(8, 3, activation="relu6")),
    "conv_normalized": lambda: image(L.Conv2D(8, 3), L.BatchNormalization(), L.ReLU()),
    "conv_normalized_before": lambda: image(L.BatchNormalization(), L.Conv2D(8, 3)),
    "conv_normalized_before_same": lambda: image(
        L.BatchNormalization(), L.Conv2D(8, 3, padding="same")
    ),
    "normalized_without_scale": lambda: image(
        L.Conv2D(4, 1), L.BatchNormalization(scale=False, center=False)
    ),
    "depthwise": lambda: image(L.DepthwiseConv2D(3, depth_multiplier=2, padding="same")),
    "depthwise_strided": lambda: image(L.DepthwiseConv2D(3, strides=2), L.BatchNormalization()),
    "depthwise_dilated": lambda: image(L.DepthwiseConv2D(3, dilation_rate=2, padding="same")),
    "depthwise_normalized_before": lambda: image(
        L.BatchNormalization(), L.DepthwiseConv2D(3, depth_multiplier=2)
    ),
    "separable": lambda: image(L.SeparableConv2D(6, 3, strides=2, activation="relu")),
    "conv_1d": lambda: sequence(L.Conv1D(6, 3, strides=2, padding="same"), L.ReLU()),
    "conv_1d_causal": lambda: sequence(L.Conv1D(6, 3, dilation_rate=2, padding="causal")),
    "depthwise_1d": lambda: sequence(L.DepthwiseConv1D(3, strides=2, padding="same")),
    "separable_1d": lambda: sequence(L.SeparableConv1D(6, 3), L.BatchNormalization()),
    "dense": lambda: vector(L.Dense(8, activation="relu"), L.Dense(4)),
    "dense_normalized": lambda: vector(
        L.Dense(8, use_bias=False), L.BatchNormalization(), L.ReLU(6.0)
    ),
    "dense_normalized_after_activation": lambda: vector(
        L.Dense(8, activation="relu"), L.BatchNormalization(), L.Dense(3)
    ),
    "dense_on_sequence": lambda: sequence(L.Dense(5, activation="relu")),
    "normalized_vector": lambda: vector(L.BatchNormalization(), L.Activation("tanh")),
    "rescaled": lambda: image(L.Rescaling(1 / 127.5, offset=-1), L.Conv2D(4, 3)),
    "rescaled_same": lambda: image(L.Rescaling(2.0), L.Conv2D(4, 3, padding="same")),
    "adapted": adapted,
    "softmax": lambda: vector(L.Dense(6, activation="softmax")),
    "softmax_layer": lambda: vector(L.Dense(6), L.Softmax()),
    "sigmoid": lambda: vector(L.Dense(6, activation="sigmoid")),
    "tanh": lambda: image(L.Conv2D(4, 3, activation="tanh")),
    "leaky_relu": lambda: image(L.Conv2D(4, 3), L.LeakyReLU(0.1)),
    "leaky_relu_named": lambda: image(L.Conv2D(4, 3, activation="leaky_relu")),
    "relu_with_slope": lambda: image(L.Conv2D(4, 3), L.ReLU(negative_slope=0.25)),
    "hard_swish": lambda: image(L.Conv2D(4, 3), L.Activation("hard_silu")),
    "swish": lambda: image(L.Conv2D(4, 3, activation="silu")),
    "relu_alone": lambda: image(L.ReLU()),
    "relu6_alone": lambda: image(L.ReLU(6.0)),
    "add": lambda: merged(L.Add(), 3),
    "subtract": lambda: merged(L.Subtract()),
    "multiply": lambda: merged(L.Multiply()),
    "maximum": lambda: merged(L.Maximum()),
    "minimum": lambda: merged(L.Minimum()),
    "concatenate": lambda: merged(L.Concatenate(), 3),
    "concatenate_rows": lambda: merged(L.Concatenate(axis=1)),
    "gated": gated,
    "joined_gate": joined_gate,
    "operations": operations,
    "nested": nested,
    "two_ends": two_ends,
    "residual_v2": residual_v2,
    "average_pool": lambda: image(L.AveragePooling2D(3, strides=2, padding="same")),
    "max_pool": lambda: image(L.MaxPooling2D((2, 3))),
    "pool_1d": lambda: sequence(L.MaxPooling1D(2), L.AveragePooling1D(2)),
    "global_average": lambda: image(L.Conv2D(4, 3), L.GlobalAveragePooling2D()),
    "global_average_1d": lambda: sequence(L.Conv1D(4, 3), L.GlobalAveragePooling1D()),
    "global_max": lambda: image(L.Conv2D(4, 3), L.GlobalMaxPooling2D()),
    "global_max_1d": lambda: sequence(L.GlobalMaxPooling1D(keepdims=True)),
    "flatten": lambda: image(L.Flatten(), L.Dense(4)),
    "reshape": lambda: image(L.Reshape((20, 12)), L.Conv1D(4, 3), L.Flatten()),
    "permute": lambda: image(L.Permute((2, 1, 3)), L.Conv2D(4, 3)),
    "permute_1d": lambda: sequence(L.Permute((2, 1)), L.Dense(3)),
    "padding": lambda: image(L.ZeroPadding2D(((1, 0), (2, 1))), L.Conv2D(4, 3)),
    "padding_1d": lambda: sequence(L.ZeroPadding1D((1, 2)), L.Conv1D(4, 3)),
    "cropping": lambda: image(L.Cropping2D(((1, 2), (0, 3))), L.Conv2D(4, 3)),
    "cropping_1d": lambda: sequence(L.Cropping1D((1, 2))),
    "up_nearest": lambda: image(L.UpSampling2D((2, 3)), L.Conv2D(4, 3)),
    "up_bilinear": lambda: image(L.UpSampling2D(2, interpolation="bilinear")),
    "up_1d": lambda: sequence(L.UpSampling1D(2), L.Conv1D(4, 3)),
    "training_only": lambda: image(
        L.Conv2D(4, 3),
        L.Dropout(0.5),
        L.SpatialDropout2D(0.5),
        L.GaussianNoise(1.0),
        L.GaussianDropout(0.5),
        L.AlphaDropout(0.5),
        L.ActivityRegularization(l2=0.1),
        L.Identity(),
        L.Activation("linear"),
    ),
    "training_only_1d": lambda: sequence(L.SpatialDropout1D(0.5), L.Conv1D(4, 3)),
}


def build(name):
    """The model of a case with weights and statistics that are all different."""
    keras.utils.set_random_seed(list(CASES).index(name))
    model = CASES[name]()
    random = keras.random.SeedGenerator(1)
    for layer in model._flatten_layers():
        for weight in layer.weights:
            if len(weight.shape) == 1 and "normalization" in layer.name:
                low = 0.5 if weight.name in ("gamma", "moving_variance") else -0.5
                weight.assign(keras.random.uniform(weight.shape, low, low + 1, seed=random))
            elif weight.name == "bias":
                weight.assign(keras.random.uniform(weight.shape, -0.2, 0.2, seed=random))
    return model
