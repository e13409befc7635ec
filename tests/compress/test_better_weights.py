"""Equalized layers compute the same, corrected biases remove what rounding adds."""

import importlib.util

import numpy as np
import pytest
import trained_digits as digits
from keras_layers import CASES, L, build, image, keras

from tinygen.compress.bias_correction import corrected
from tinygen.compress.calibrate import calibrate
from tinygen.compress.equalization import equalized
from tinygen.compress.evaluate import evaluate
from tinygen.compress.export import float_graph, quantize, to_int8
from tinygen.compress.fold import CHANNEL_AXIS
from tinygen.tflite_format.writer import write

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("tensorflow") is None,
        reason="TensorFlow is not installed (extra 'train')",
    ),
]


def samples_of(graph, count=16):
    random = np.random.default_rng(5)
    return [random.uniform(-1, 1, (count, *x.shape[1:])).astype(np.float32) for x in graph.inputs]


def uneven(*layers):
    """A model of these layers, the channels of the first hundreds of times apart."""
    model = image(*layers)
    keras.utils.set_random_seed(1)
    kernel, bias = model.layers[0].get_weights()
    model.layers[0].set_weights(
        [
            kernel * np.geomspace(1, 500, kernel.shape[-1]),
            np.random.default_rng(2).normal(size=len(bias)),
        ]
    )
    return float_graph(model, "uneven")


def sizes(graph):
    """Per weighted layer the largest weight of each input channel and of each output channel."""
    found = []
    for node in graph.nodes:
        if node.op in CHANNEL_AXIS:
            weights = np.abs(node.input(1).constant)
            axis = CHANNEL_AXIS[node.op]
            outputs = weights.max(axis=tuple(i for i in range(weights.ndim) if i != axis))
            found.append((weights.reshape(-1, weights.shape[-1]).max(axis=0), outputs))
    return found


PAIRS = {
    "convolutions": lambda: uneven(L.Conv2D(8, 3), L.ReLU(), L.Conv2D(4, 3)),
    "depthwise": lambda: uneven(L.Conv2D(8, 1), L.ReLU(), L.DepthwiseConv2D(3)),
    "pooled": lambda: uneven(L.Conv2D(8, 3), L.LeakyReLU(0.1), L.MaxPooling2D(), L.Conv2D(4, 1)),
    "averaged": lambda: uneven(L.Conv2D(8, 3), L.GlobalAveragePooling2D(), L.Dense(4)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_are_equalized(name):
    graph = PAIRS[name]()
    made = equalized(graph)
    before = sizes(graph)[0][1]
    (_, first), (second, _) = sizes(made)
    assert before.max() / before.min() > 100
    # A power of two is within a factor sqrt(2) of the ideal one, so their ratio within 2.
    assert (np.abs(np.log2(first / second)) <= 1.001).all()


@pytest.mark.parametrize("name", [*PAIRS, *CASES])
def test_not_a_bit_of_any_output_changes(name):
    graph = PAIRS[name]() if name in PAIRS else float_graph(build(name), name)
    made = equalized(graph)
    samples = samples_of(graph, 4)
    before, after = evaluate(graph, samples), evaluate(made, samples)
    for tensor, other in zip(graph.outputs, made.outputs, strict=True):
        np.testing.assert_array_equal(before[tensor], after[other])


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [L.Conv2D(8, 3), L.ReLU(6.0), L.Conv2D(4, 3)],
        lambda: [L.Conv2D(8, 3), L.Activation("tanh"), L.Conv2D(4, 3)],
        lambda: [L.Conv2D(8, 3), L.Flatten(), L.Dense(4)],
    ],
)
def test_what_is_not_linear_in_between_is_left_alone(layers):
    graph = uneven(*layers())
    for (_, a), (_, b) in zip(sizes(graph), sizes(equalized(graph)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_output_that_two_layers_read_is_left_alone():
    x = L.Input((10, 8, 3))
    y = L.Conv2D(4, 1)(x)
    graph = float_graph(keras.Model(x, L.Add()([L.Conv2D(4, 1)(y), y])), "m")
    for (_, a), (_, b) in zip(sizes(graph), sizes(equalized(graph)), strict=True):
        np.testing.assert_array_equal(a, b)


def channel_shift(graph, quantized, samples):
    """By how much weights of the int8 graph move the mean of the float graph's outputs."""
    constants = {}
    for node, made in zip(graph.nodes, quantized.nodes, strict=True):
        if node.op in CHANNEL_AXIS:
            for index, tensor in enumerate(made.inputs[1:], 1):
                shape = [1] * len(tensor.shape)
                shape[tensor.quant.axis] = -1
                scales = np.array(tensor.quant.scales, np.float32).reshape(shape)
                constants[node.input(index)] = np.float32(tensor.constant * scales)
    exact, rounded = evaluate(graph, samples), evaluate(graph, samples, constants)
    tensor = graph.outputs[0]
    return np.abs((rounded[tensor] - exact[tensor]).numpy().mean(axis=(0, 1, 2))).max()


def test_the_mean_of_every_channel_is_kept():
    graph = uneven(L.Conv2D(8, 3, padding="same"), L.ReLU(), L.Conv2D(4, 3))
    samples = [np.abs(samples_of(graph, 64)[0])]
    ranges = calibrate(graph, samples)
    made = corrected(graph, samples, ranges, weight_bits=4)
    plain, better = (to_int8(g, ranges, weight_bits=4) for g in (graph, made))
    # Corrected biases stand against the exact ones, which the float graph has.
    assert channel_shift(graph, better, samples) < 0.02 * channel_shift(graph, plain, samples)


def test_layers_without_a_bias_get_one():
    model = keras.Sequential([L.Input((12,)), L.Dense(4, use_bias=False)])
    graph = float_graph(model, "m")
    samples = [np.abs(samples_of(graph)[0])]
    made = corrected(graph, samples, calibrate(graph, samples), weight_bits=4)
    assert graph.nodes[0].optional_input(2) is None
    assert np.abs(made.nodes[0].input(2).constant).max() > 0


def test_options_reach_the_file():
    (x, _), _ = digits.data()
    plain = {"weight_bits": 4}
    options = (
        plain,
        {**plain, "calibrator": "percentile"},
        {**plain, "calibrator": "mse"},
        {**plain, "equalize": True},
        {**plain, "correct_bias": True},
        {"calibrator": "mse"},
        {},
    )
    contents = {write(quantize(digits.trained(), x[:100], "digits", **o)) for o in options}
    assert len(contents) == len(options)
