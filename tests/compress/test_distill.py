"""Learning from a teacher: the loss, the features, and what cannot be matched."""

import numpy as np
import pytest
from classifiers import blobs, convolutional, weights
from keras_layers import L, keras

from tinygen.compress import classify, qat, training
from tinygen.compress.dataset import Labelled
from tinygen.compress.distill import Distillation
from tinygen.errors import ConfigError

PLAN = training.Plan(epochs=15, learning_rate=1e-2, batch=16, seed=1)


@pytest.fixture(scope="module")
def teacher():
    model = convolutional(seed=3, width=16)
    training.fit(model, blobs().train, PLAN)
    return model


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("augmented", [False, True])
def test_the_loss_is_the_one_of_the_paper(teacher, augmented):
    import tensorflow as tf

    student, data = convolutional(), blobs().train
    objective = Distillation(teacher, student, temperature=3.0, weight=0.6)
    objective.bind(data, augmented)
    index = np.arange(5)
    batch = training.Batch(tf.constant(index), tf.constant(data.x[:5]), tf.constant(data.y[:5]))
    ours = np.log(np.maximum(student(data.x[:5], training=True).numpy(), 1e-7))
    theirs = softmax(np.log(np.maximum(teacher(data.x[:5]).numpy(), 1e-7)) / 3)
    hard = -ours[index, data.y[:5]].mean()
    soft = (theirs * np.log(theirs / softmax(ours / 3))).sum(axis=1).mean()
    assert float(objective(student, batch)) == pytest.approx(0.4 * hard + 0.6 * 9 * soft, rel=1e-4)


def test_a_student_learns_what_the_labels_do_not_say(teacher):
    data = blobs()
    wrong = Labelled(data.train.x, np.random.default_rng(0).integers(0, 3, len(data.train)))
    student = convolutional()
    training.fit(student, wrong, PLAN, objective=Distillation(teacher, student, weight=1.0))
    assert classify.accuracy(classify.predict(student, data.test.x), data.test.y) > 0.9


@pytest.mark.slow
def test_features_come_together_through_a_projection(teacher):
    data = blobs().train

    def distance(feature_weight):
        student = convolutional()
        objective = Distillation(
            teacher, student, features=[("relu", "relu")], feature_weight=feature_weight
        )
        assert [v.shape for v in objective.variables] == [(8, 16)]
        training.fit(student, data, PLAN, objective=objective)
        views = (keras.Model(m.inputs[0], m.get_layer("relu").output) for m in (teacher, student))
        theirs, ours = (np.asarray(view(data.x)) for view in views)
        return np.square(theirs - ours @ np.asarray(objective.variables[0])).mean()

    assert distance(10.0) < distance(0.0) / 2


def test_features_of_one_width_need_no_projection(teacher):
    student = convolutional(seed=4, width=16)
    objective = Distillation(teacher, student, features=[("relu", "relu")])
    assert objective.variables == []
    training.fit(student, blobs().train, training.Plan(1, batch=16), objective=objective)


@pytest.mark.slow
def test_the_teacher_stays_as_it_is(teacher):
    before = weights(teacher)
    student = convolutional()
    objective = Distillation(teacher, student, features=[("relu", "relu")])
    training.fit(student, blobs().train, training.Plan(2, batch=16), objective=objective)
    assert np.array_equal(before, weights(teacher))


@pytest.mark.slow
def test_a_network_in_training_for_int8_learns_from_a_teacher(teacher):
    data = blobs()
    float_student = convolutional()
    training.fit(float_student, data.train, training.Plan(3, 1e-2, 16))
    student = qat.prepare(float_student, data.train.x, "student")
    wrong = Labelled(data.train.x, (data.train.y + 1) % 3)
    training.fit(student, wrong, PLAN, objective=Distillation(teacher, student, weight=1.0))
    assert classify.accuracy(classify.predict(student, data.test.x), data.test.y) > 0.9


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        ([("none", "relu")], "the teacher has no layer 'none'"),
        ([("relu", "none")], "the student has no layer 'none'"),
        ([("relu", "flat")], "match layers that differ in width only"),
    ],
)
def test_features_that_do_not_fit(teacher, features, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Distillation(teacher, convolutional(), features=features)


def test_teachers_that_do_not_fit(teacher):
    two = convolutional(classes=2)
    labels = blobs().train
    low = Labelled(labels.x, labels.y % 2)
    with pytest.raises(ConfigError, match="the teacher knows 3 classes and the student 2"):
        training.fit(two, low, PLAN, objective=Distillation(teacher, two))
    flat = keras.Sequential([L.Input((7,)), L.Dense(3, activation="softmax")])
    other = blobs(shape=(7,)).train
    with pytest.raises(ConfigError, match=r"the teacher takes samples of shape \(6, 6, 1\)"):
        training.fit(flat, other, PLAN, objective=Distillation(teacher, flat))
