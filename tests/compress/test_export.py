"""Every layer through the exporter: int8 near float, and the file equal in tflite-micro."""

import importlib.util

import numpy as np
import pytest
from keras_layers import CASES, L, build, image, keras

from tinygen import data, oracle, reference
from tinygen.compress.export import float_graph, quantize, to_int8
from tinygen.compress.lowering import lower, supported
from tinygen.compress.scales import Range
from tinygen.errors import DataError, ModelError, UnsupportedError
from tinygen.frontend import tflite
from tinygen.ops import operator
from tinygen.tflite_format.writer import write

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("tensorflow") is None,
        reason="TensorFlow is not installed (extra 'train')",
    ),
]

SAMPLES = 24
MEAN_STEPS, MOST_STEPS = 1.5, 12
"""How far int8 may be from float, in steps of the output's scale."""


def samples_of(model, count=SAMPLES):
    random = np.random.default_rng(5)
    return [random.uniform(-1, 1, (count, *x.shape[1:])).astype(np.float32) for x in model.inputs]


def stored(graph, samples, index):
    """One sample as the int8 graph takes it."""
    return [
        data.quantize(array[index : index + 1], tensor)
        for array, tensor in zip(samples, graph.inputs, strict=True)
    ]


def real(values, tensor):
    return (values.astype(np.float32) - tensor.quant.zero_point) * tensor.quant.scale


@pytest.mark.parametrize("name", CASES)
def test_layer(name):
    model = build(name)
    samples = samples_of(model)
    graph = quantize(model, samples, name)
    expected = keras.tree.flatten(model(samples if len(samples) > 1 else samples[0]))
    assert [t.shape for t in graph.inputs] == [(1, *x.shape[1:]) for x in model.inputs]
    assert [t.shape for t in graph.outputs] == [(1, *x.shape[1:]) for x in expected]

    content = write(graph)
    numbers = {tensor: index for index, tensor in enumerate(graph.tensors())}
    micro = oracle.Oracle(content) if oracle.available() else None
    read = tflite.read(content, name)
    errors = [[] for _ in graph.outputs]
    for index in range(SAMPLES):
        inputs = stored(graph, samples, index)
        values = reference.run(graph, inputs)
        for again, tensor in zip(read.outputs, graph.outputs, strict=True):
            np.testing.assert_array_equal(reference.run(read, inputs)[again], values[tensor])
        if micro is not None:
            exact = micro.run(inputs)
            for node in graph.nodes:
                np.testing.assert_array_equal(values[node.output], exact[numbers[node.output]])
        for error, tensor, wanted in zip(errors, graph.outputs, expected, strict=True):
            error.append(real(values[tensor], tensor)[0] - wanted[index].numpy())
    for error, tensor in zip(errors, graph.outputs, strict=True):
        steps = np.abs(np.stack(error)) / tensor.quant.scale
        assert steps.mean() < MEAN_STEPS
        assert steps.max() < MOST_STEPS


def test_every_supported_layer_has_a_case():
    met = set()
    for name in CASES:
        met |= {type(layer).__name__ for layer in CASES[name]()._flatten_layers()}
    assert set(supported()) <= met


@pytest.mark.parametrize(
    ("layers", "ops"),
    [
        (lambda: [L.Conv2D(4, 3), L.BatchNormalization(), L.ReLU()], ["CONV_2D"]),
        (lambda: [L.Conv2D(4, 3), L.Dropout(0.5), L.ReLU(6.0)], ["CONV_2D"]),
        (lambda: [L.Conv1D(4, 3)], None),
        (lambda: [L.GlobalAveragePooling2D(), L.Dense(3)], ["MEAN", "FULLY_CONNECTED"]),
        (lambda: [L.Flatten(), L.Dense(3, "softmax")], ["RESHAPE", "FULLY_CONNECTED", "SOFTMAX"]),
        (
            lambda: [L.Reshape((20, 12)), L.Conv1D(4, 3), L.Flatten()],
            ["RESHAPE", "CONV_2D"] * 1 + ["RESHAPE"],
        ),
    ],
)
def test_no_operator_too_many(layers, ops):
    if ops is None:
        model, ops = (
            keras.Sequential([L.Input((9, 4)), *layers()]),
            ["RESHAPE", "CONV_2D", "RESHAPE"],
        )
    else:
        model = image(*layers())
    assert [node.op for node in float_graph(model, "m").nodes] == ops


def test_equal_models_give_equal_bytes():
    contents = []
    for _ in range(2):
        keras.utils.clear_session()
        model = build("conv_normalized")
        contents.append(write(quantize(model, samples_of(model), "same")))
    assert contents[0] == contents[1]


def test_ranges_come_in_as_data():
    model = image(L.Conv2D(4, 3, name="conv"))
    graph = float_graph(model, "m")
    names = [graph.inputs[0].name, graph.outputs[0].name]
    int8 = to_int8(graph, dict.fromkeys(names, Range(-2.55, 2.55)))
    assert int8.outputs[0].quant.scale == np.float32(0.02)
    with pytest.raises(ModelError, match="has no range"):
        to_int8(graph, {names[0]: Range(0, 1)})


def test_dense_weights_have_one_scale_or_one_per_unit():
    model = build("dense")
    samples = samples_of(model)
    whole = quantize(model, samples, "m")
    fine = quantize(model, samples, "m", per_channel_dense=True)
    assert [len(node.input(1).quant.scales) for node in whole.nodes] == [1, 1]
    assert [len(node.input(1).quant.scales) for node in fine.nodes] == [8, 4]
    for node in fine.nodes:
        operator(node.op).check(node)


def test_dead_channels_and_a_dead_layer_stay_within_reach():
    model = image(L.Conv2D(4, 3, name="a"), L.ReLU(), L.Conv2D(4, 1, name="b"), L.ReLU())
    kernel, _ = model.get_layer("a").get_weights()
    kernel[..., 0] = 0
    model.get_layer("a").set_weights([kernel, np.array([100.0, -1, 0, 0])])
    kernel, _ = model.get_layer("b").get_weights()
    model.get_layer("b").set_weights([kernel * 0, -np.ones(4)])
    samples = samples_of(model)
    graph = quantize(model, samples, "dead")
    assert np.abs(graph.nodes[0].input(2).constant).max() <= 1 << 29
    values = reference.run(graph, stored(graph, samples, 0))
    assert (real(values[graph.outputs[0]], graph.outputs[0]) == 0).all()
    first = real(values[graph.nodes[0].output], graph.nodes[0].output)
    assert np.abs(first[..., 0] - 100).max() < 0.5


class Custom:
    """Made inside the test, since Keras comes late."""

    @staticmethod
    def layer():
        class Twice(keras.layers.Layer):
            def call(self, x):
                return 2 * x

        return Twice(name="twice")

    @staticmethod
    def disguised():
        class Conv2D(keras.layers.Conv2D):
            def call(self, x):
                return super().call(x) + 1

        return Conv2D(4, 3, name="disguised")


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (lambda: [Custom.layer()], r"layer 'twice' \(Twice\): it has no int8 operator; replace it"),
        (lambda: [Custom.disguised()], r"layer 'disguised' \(Conv2D\)"),
        (lambda: [L.Lambda(lambda x: x, name="fun")], r"layer 'fun' \(Lambda\)"),
        (lambda: [L.Conv2D(4, 3, activation="elu", name="c")], "'c'.*activation 'elu'.*use one of"),
        (lambda: [L.Conv2D(6, 3, groups=3, name="c")], "'c'.*in 3 groups.*DepthwiseConv2D"),
        (lambda: [L.ReLU(max_value=4, name="r")], "'r'.*max_value 4.*use ReLU"),
        (lambda: [L.Softmax(axis=1, name="s")], "'s'.*softmax over axis 1"),
        (lambda: [L.BatchNormalization(axis=1, name="b")], "'b'.*normalizes axis 1"),
        (lambda: [L.UpSampling2D(2, interpolation="bicubic", name="u")], "'u'.*'bicubic'"),
        (
            lambda: [L.MaxPooling2D(2, data_format="channels_first", name="p")],
            "'p'.*channels_first",
        ),
        (lambda: [L.Conv2D(4, 3, dtype="mixed_float16", name="h")], "'h'.*float16.*float32"),
    ],
)
def test_refused_layers_are_named(layers, message):
    with pytest.raises(UnsupportedError, match=message):
        lower(image(*layers()), "m")


def test_constant_factors_outside_layers_are_refused():
    x = L.Input((4,))
    with pytest.raises(UnsupportedError, match="operation outside a layer; use the layer"):
        lower(keras.Model(x, x * 2.0), "m")


def test_models_without_a_fixed_graph_are_refused():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ModelError, match="has no graph of layers"):
        lower(Own(), "m")
    x = L.Input((None, None, 3))
    with pytest.raises(ModelError, match="is not fixed"):
        lower(keras.Model(x, L.Conv2D(2, 3)(x)), "m")


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        (np.zeros((4, 10, 8, 2), np.float32), r"has shape \(4, 10, 8, 2\); give it the shape"),
        (np.zeros((0, 10, 8, 3), np.float32), "is empty"),
        (np.full((2, 10, 8, 3), np.nan, np.float32), "not finite"),
        ([np.zeros((2, 10, 8, 3))] * 2, "has 1 inputs and the calibration data 2 arrays"),
    ],
)
def test_wrong_calibration_data_is_refused(calibration, message):
    with pytest.raises(DataError, match=message):
        quantize(image(L.ReLU()), calibration, "m")
