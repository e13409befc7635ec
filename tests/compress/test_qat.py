"""What is trained is what is exported, and training with roundings pays."""

import importlib.util

import numpy as np
import pytest
import trained_digits as digits
from keras_layers import CASES, L, build, image, keras

from tinygen import data, reference
from tinygen.compress import qat
from tinygen.compress.export import quantize
from tinygen.errors import ConfigError, DataError, ModelError, UnsupportedError
from tinygen.tflite_format.writer import write

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("tensorflow") is None,
        reason="TensorFlow is not installed (extra 'train')",
    ),
]


def samples_of(model, count=16):
    random = np.random.default_rng(5)
    return [random.uniform(-1, 1, (count, *x.shape[1:])).astype(np.float32) for x in model.inputs]


def shaken(model):
    """The prepared model with every trainable variable moved a little."""
    random = np.random.default_rng(6)
    for variable in model.trainable_variables:
        variable.assign(np.asarray(variable) * random.uniform(0.9, 1.1, variable.shape))
    return model


def stored_outputs(graph, x):
    tensor = graph.outputs[0]
    stored = data.quantize(x, graph.inputs[0])
    return np.stack([reference.run(graph, [one[np.newaxis]])[tensor][0] for one in stored])


def accuracy(graph):
    _, (x, y) = digits.data()
    return np.mean(stored_outputs(graph, x).argmax(axis=1) == y)


@pytest.fixture(scope="module", params=[8, 4])
def fine_tuned(request):
    (x, _), _ = digits.data()
    model = qat.prepare(digits.trained(), x[:300], "digits", weight_bits=request.param)
    digits.fit(model, epochs=4, rate=1e-3)
    return model


@pytest.mark.parametrize("name", ["conv_normalized", "dense", "two_ends"])
@pytest.mark.parametrize("whole", [True, False])
def test_without_training_it_is_post_training_quantization(name, whole):
    model = build(name)
    samples = samples_of(model)
    prepared = qat.prepare(model, samples, name, per_channel_dense=whole)
    ours = write(qat.export(prepared))
    assert ours == write(quantize(model, samples, name, per_channel_dense=whole))


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("ranges", ["learned", "moving"])
@pytest.mark.parametrize("name", ["conv_normalized", "dense", "residual_v2"])
def test_weights_of_the_forward_pass_are_the_stored_integers(name, bits, ranges):
    model = build(name)
    prepared = qat.prepare(model, samples_of(model), name, weight_bits=bits, ranges=ranges)
    shaken(prepared)
    graph = qat.export(prepared)
    rounded = prepared.rounded()
    met = 0
    for node, made in zip(prepared.plan.graph.nodes, graph.nodes, strict=True):
        if node not in prepared.plan.weighted:
            continue
        given = [rounded._constants.get(tensor) for tensor in node.inputs[1:]]
        for value, tensor in zip(rounded._weights(node, *given), made.inputs[1:], strict=True):
            if value is None:
                continue
            met += 1
            shape = [1] * len(tensor.shape)
            shape[tensor.quant.axis] = -1
            scales = np.array(tensor.quant.scales, np.float32).reshape(shape)
            real = tensor.constant.astype(np.float32) * scales
            np.testing.assert_array_equal(value.numpy(), real)
            if tensor.dtype == np.int8:
                assert np.abs(tensor.constant).max() <= (7 if bits == 4 else 127)
    assert met >= 2


@pytest.mark.parametrize("name", CASES)
def test_every_operator_is_within_one_step_of_its_integers(name):
    """Given the same inputs. What is left are ties, and the second rounding of TFLite Micro."""
    model = build(name)
    samples = samples_of(model, 4)
    prepared = shaken(qat.prepare(model, samples, name))
    graph, rounded = qat.export(prepared), prepared.rounded()
    twins = dict(zip(prepared.plan.graph.inputs, graph.inputs, strict=True))
    for node, made in zip(prepared.plan.graph.nodes, graph.nodes, strict=True):
        twins[node.output] = made.output
    mine, _ = rounded.run(samples)
    for index in range(2):
        stored = [
            data.quantize(array[index : index + 1], tensor)
            for array, tensor in zip(samples, graph.inputs, strict=True)
        ]
        integers = reference.run(graph, stored)
        values = {
            tensor: (integers[twin].astype(np.float32) - twin.quant.zero_point)
            * np.float32(twin.quant.scale)
            for tensor, twin in twins.items()
        }
        for tensor in prepared.plan.graph.inputs:
            np.testing.assert_array_equal(mine[tensor][index], values[tensor][0])
        for node in prepared.plan.graph.nodes:
            value = rounded.round(node.output, rounded.compute(node, values)).numpy()
            steps = np.rint((value - values[node.output]) / twins[node.output].quant.scale)
            assert np.abs(steps).max() <= 1


def test_the_exported_model_agrees_from_end_to_end(fine_tuned):
    _, (x, _) = digits.data()
    graph = qat.export(fine_tuned)
    stored = stored_outputs(graph, x).astype(int)
    trained = np.rint(fine_tuned.predict(x, verbose=0) * 256 - 128).astype(int)
    steps = np.abs(stored - trained)
    # Softmax makes more of one step before it than one step.
    assert (steps <= 1).mean() >= (0.97 if fine_tuned.plan.weight_bits == 8 else 0.93)
    assert (stored.argmax(axis=1) == trained.argmax(axis=1)).mean() >= 0.99


def test_training_with_4_bits_beats_rounding_to_4_bits():
    (x, _), _ = digits.data()
    plain = accuracy(quantize(digits.trained(), x[:300], "digits", weight_bits=4))
    best = accuracy(
        quantize(
            digits.trained(),
            x[:300],
            "digits",
            weight_bits=4,
            calibrator="mse",
            correct_bias=True,
        )
    )
    model = qat.prepare(digits.trained(), x[:300], "digits", weight_bits=4)
    digits.fit(model, epochs=8, rate=1e-3)
    trained = accuracy(qat.export(model))
    assert trained >= plain + 0.03
    assert trained >= best


@pytest.mark.parametrize("bits", [8, 4])
def test_everything_trainable_gets_a_gradient(bits):
    import tensorflow as tf

    (x, y), _ = digits.data()
    model = qat.prepare(digits.trained(), x[:300], "digits", weight_bits=bits)

    @tf.function
    def gradients(x, y):
        with tf.GradientTape() as tape:
            loss = keras.losses.sparse_categorical_crossentropy(y, model(x, training=True))
        return tape.gradient(loss, model.trainable_variables)

    found = gradients(x[:64], y[:64])
    assert len(found) == (5 * 2 + 1) + (5 if bits == 4 else 0)
    for variable, gradient in zip(model.trainable_variables, found, strict=True):
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0, variable.path
    factors = dict(zip(map(id, model.trainable_variables), found, strict=True))[id(model.factors)]
    of_input = [model.plan.is_input(group) for group in model.plan.groups]
    assert (factors.numpy()[of_input] == 0).all()
    assert (factors.numpy()[~np.array(of_input), 1] != 0).all()


def test_moving_ranges_move_in_training_only():
    (x, _), _ = digits.data()
    model = qat.prepare(digits.trained(), x[:300], "digits", ranges="moving")
    before = np.asarray(model.ends).copy()
    model(x[:64])
    np.testing.assert_array_equal(model.ends, before)
    model(4 * x[:64], training=True)
    after = np.asarray(model.ends)
    of_input = np.array([model.plan.is_input(group) for group in model.plan.groups])
    np.testing.assert_array_equal(after[of_input], before[of_input])
    wider = (after / np.where(before == 0, 1, before))[~of_input]
    # A hundredth of the way to what such a batch shows.
    assert (wider[:, 1] != 1).all()
    assert wider.max() < 1.1


def test_a_last_softmax_is_not_rounded_in_training():
    (x, _), _ = digits.data()
    model = qat.prepare(digits.trained(), x[:300], "digits")
    inferred, training = model(x[:8]).numpy() * 256, model(x[:8], training=True).numpy() * 256
    np.testing.assert_array_equal(inferred, np.rint(inferred))
    assert (training != np.rint(training)).any()
    assert np.abs(np.minimum(training, 255) - inferred).max() <= 0.51


def test_a_checkpoint_holds_everything(tmp_path):
    (x, _), _ = digits.data()

    def prepared():
        return qat.prepare(digits.trained(), x[:300], "digits", weight_bits=4)

    model = shaken(prepared())
    model.save_weights(tmp_path / "state.weights.h5")
    again = prepared()
    assert write(qat.export(again)) != write(qat.export(model))
    again.load_weights(tmp_path / "state.weights.h5")
    assert write(qat.export(again)) == write(qat.export(model))


def test_the_same_seed_gives_the_same_bytes():
    (x, _), _ = digits.data()
    contents = []
    for _ in range(2):
        model = qat.prepare(digits.trained(), x[:300], "digits", weight_bits=4)
        digits.fit(model, epochs=1, rate=1e-3)
        contents.append(write(qat.export(model)))
    assert contents[0] == contents[1]


def test_several_inputs_and_outputs_come_and_go_as_lists():
    model = build("two_ends")
    samples = samples_of(model)
    given = samples if len(samples) > 1 else samples[0]
    outputs = qat.prepare(model, samples, "m")(given)
    assert [y.shape for y in outputs] == [y.shape for y in keras.tree.flatten(model(given))]


def test_wrong_shapes_are_named():
    model = image(L.Conv2D(4, 3))
    samples = samples_of(model)
    with pytest.raises(DataError, match=r"empty; give it some hundred samples"):
        qat.prepare(model, samples[0][:0], "m")
    prepared = qat.prepare(model, samples, "m")
    with pytest.raises(DataError, match=r"model 'm' takes inputs .*\(10, 8, 3\).*reshape the data"):
        prepared(samples[0][:, 1:])
    with pytest.raises(DataError, match=r"takes inputs of shapes"):
        prepared([samples[0], samples[0]])


def test_options_that_there_are_not():
    model = image(L.Conv2D(4, 3))
    samples = samples_of(model)
    with pytest.raises(ConfigError, match="5 bits; choose 8 or 4"):
        qat.prepare(model, samples, "m", weight_bits=5)
    with pytest.raises(ConfigError, match="5 bits; choose 8 or 4"):
        quantize(model, samples, "m", weight_bits=5)
    with pytest.raises(ConfigError, match="'fixed'; choose 'learned' or 'moving'"):
        qat.prepare(model, samples, "m", ranges="fixed")
    with pytest.raises(ConfigError, match="'best'; choose one of minmax, percentile, mse"):
        qat.prepare(model, samples, "m", calibrator="best")


def test_weights_that_are_not_finite():
    model = image(L.Conv2D(4, 3, name="broken"))
    samples = samples_of(model)
    prepared = qat.prepare(model, samples, "m")
    kernel, bias = model.layers[0].get_weights()
    kernel[0, 0, 0, 0] = np.nan
    model.layers[0].set_weights([kernel, bias])
    for made in (qat.prepare, quantize):
        with pytest.raises(ModelError, match=r"weights 'broken/kernel' hold .* not finite; train"):
            made(model, samples, "m")
    prepared.values[0].assign(np.full(prepared.values[0].shape, np.inf))
    with pytest.raises(ModelError, match=r"model 'm' has weights .* not finite after training"):
        qat.export(prepared)


def test_layers_that_cannot_be_quantized():
    model = image(L.Lambda(lambda x: x, name="fun"))
    with pytest.raises(UnsupportedError, match=r"layer 'fun' \(Lambda\)"):
        qat.prepare(model, samples_of(model), "m")
