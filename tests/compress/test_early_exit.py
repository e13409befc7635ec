"""Heads in the middle of networks, their training, and the threshold."""

import numpy as np
import pytest
from classifiers import blobs, convolutional, weights
from keras_layers import L, keras

from tinygen.compress import classify, early_exit, export, qat, training
from tinygen.errors import ConfigError, DataError, ModelError

RNG = np.random.default_rng(3)
PLAN = training.Plan(epochs=8, learning_rate=1e-2, batch=16, seed=5)


def outputs(model, x):
    return [np.asarray(part) for part in model(x, training=False)]


def test_the_exit_comes_first_and_the_final_output_stays():
    model, x = convolutional(), blobs().test.x
    two = early_exit.attach(model, "relu")
    at_exit, final = outputs(two, x)
    assert at_exit.shape == final.shape == (len(x), 3)
    assert final.tobytes() == np.asarray(model(x)).tobytes()
    assert two.get_layer("early_exit").input.shape == (None, 8)


def test_a_head_of_ones_own():
    head = keras.Sequential([L.Flatten(), L.Dense(3, activation="softmax")], name="own")
    two = early_exit.attach(convolutional(), "relu", head)
    assert two.outputs[0].shape == (None, 3)
    assert not [layer for layer in two.layers if layer.name == early_exit.HEAD]


def test_training_of_the_head_leaves_the_network_alone():
    data, model = blobs(), convolutional()
    two = early_exit.attach(model, "relu")
    before = weights(model)
    (start, _), final = outputs(two, data.test.x), np.asarray(model(data.test.x))
    losses = early_exit.train_head(two, data.train, PLAN)
    assert losses[-1] < losses[0]
    assert weights(model).tobytes() == before.tobytes()
    at_exit, after = outputs(two, data.test.x)
    assert after.tobytes() == final.tobytes()
    assert at_exit.tobytes() != start.tobytes()
    assert model.get_layer("first").trainable


def test_both_outputs_learn_together_and_become_int8():
    data = blobs()
    head = keras.Sequential([L.Flatten(), L.Dense(3, activation="softmax", name="early")])
    two = early_exit.attach(convolutional(), "relu", head)
    plan = training.Plan(epochs=20, learning_rate=1e-2, batch=16)
    training.fit(two, data.train, plan, objective=early_exit.Joint())
    for part in outputs(two, data.test.x):
        assert classify.accuracy(part, data.test.y) > 0.8
    graph = export.quantize(two, data.train.x, "two")
    assert [tensor.name for tensor in graph.outputs] == ["early_softmax", "classes_softmax"]
    assert graph.outputs[0].quant == graph.outputs[1].quant
    rounded = qat.prepare(two, data.train.x, "two")
    losses = training.fit(
        rounded, data.train, training.Plan(2, 1e-3, 16), objective=early_exit.Joint()
    )
    assert np.isfinite(losses).all()
    assert len(qat.export(rounded).outputs) == 2


def logits():
    return keras.Sequential([L.Input((4,)), L.Dense(5, name="a"), L.Dense(3)], name="bare")


@pytest.mark.parametrize(
    ("make", "at", "head", "what"),
    [
        (convolutional, "nowhere", None, "no layer 'nowhere' .* first, norm"),
        (logits, "a", None, "does not end in one softmax"),
        (convolutional, "relu", lambda: L.Flatten(), r"ends in shape \(None, 128\) and logits"),
        (convolutional, "flat", lambda: L.Dense(4, "softmax"), r"ends in shape \(None, 4\)"),
    ],
)
def test_heads_that_do_not_fit_are_refused(make, at, head, what):
    with pytest.raises(ModelError, match=what):
        early_exit.attach(make(), at, head and head())


@pytest.mark.parametrize("loss", [0.0, 0.02, 0.1, 1.0])
@pytest.mark.parametrize("levels", [5, 256])
def test_no_lower_threshold_keeps_the_accuracy(loss, levels):
    y = RNG.integers(0, 4, 150)
    at_exit = np.floor(RNG.dirichlet([1] * 4, 150) * levels) / levels
    final = np.eye(4)[np.where(RNG.random(150) < 0.8, y, 0)]

    def accuracy(threshold):
        early = at_exit.max(axis=1) >= threshold
        return np.mean(np.where(early, at_exit.argmax(1), final.argmax(1)) == y), early.mean()

    choice = early_exit.choose(at_exit, final, y, loss)
    least = np.mean(final.argmax(1) == y) - loss
    good = [t for t in np.unique(at_exit.max(axis=1)) if accuracy(t)[0] >= least - 1e-12]
    assert choice.threshold == (min(good) if good else None)
    if good:
        assert (choice.accuracy, choice.rate) == pytest.approx(accuracy(choice.threshold))


def test_an_exit_that_is_always_wrong_is_never_taken():
    y = np.array([0, 1])
    choice = early_exit.choose(np.eye(2)[1 - y], np.eye(2)[y], y)
    assert (choice.threshold, choice.rate, choice.accuracy) == (None, 0.0, 1.0)


def test_a_threshold_needs_samples_and_a_loss_that_can_be():
    with pytest.raises(DataError, match="no samples"):
        early_exit.choose(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0))
    with pytest.raises(ConfigError, match="from 0 to 1"):
        early_exit.choose(np.eye(2), np.eye(2), np.arange(2), 1.5)
