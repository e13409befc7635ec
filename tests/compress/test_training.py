"""One loop that gives the same weights for the same plan, also when it is interrupted."""

from itertools import chain

import numpy as np
import pytest
from classifiers import blobs, convolutional, weights
from keras_layers import L, keras

from tinygen.compress import augment, classify, training
from tinygen.compress.dataset import Labelled
from tinygen.errors import DataError, ModelError

PLAN = training.Plan(epochs=3, learning_rate=5e-3, batch=16, seed=5)
SHIFTED = augment.chain(["shift", "noise"])


class Interrupted(Exception):
    """Stands for a kill."""


class Killer:
    """Progress that ends the run after so many epochs."""

    def __init__(self, epochs):
        self.left = epochs

    def step(self, text):
        pass

    def track(self, items, total, text):
        if not self.left:
            raise Interrupted
        self.left -= 1
        yield from items


def trained(plan=PLAN, **options):
    model = convolutional(dropout=0.3)
    losses = training.fit(model, blobs().train, plan, augment=SHIFTED, **options)
    return weights(model), losses


@pytest.fixture(scope="module")
def once():
    return trained()


def test_a_network_learns(once):
    model, data = convolutional(), blobs()
    before = classify.accuracy(classify.predict(model, data.test.x), data.test.y)
    losses = training.fit(model, data.train, training.Plan(20, 1e-2, 16))
    after = classify.accuracy(classify.predict(model, data.test.x), data.test.y)
    assert losses[-1] < losses[0] / 4
    assert before < 0.7 < 0.95 < after


def test_the_same_plan_gives_the_same_weights(once):
    again, losses = trained()
    assert again.tobytes() == once[0].tobytes()
    assert losses == once[1]


def test_another_seed_gives_other_weights(once):
    other, _ = trained(training.Plan(3, 5e-3, 16, seed=6))
    assert not np.array_equal(other, once[0])


@pytest.mark.parametrize("epochs", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_an_interrupted_run_ends_with_the_same_weights(once, tmp_path, epochs):
    checkpoint = tmp_path / "deep" / "training.npz"
    with pytest.raises(Interrupted):
        trained(checkpoint=checkpoint, progress=Killer(epochs))
    # What is there in the new process is another start, from which nothing may remain.
    model = convolutional(seed=99, dropout=0.3)
    losses = training.fit(model, blobs().train, PLAN, augment=SHIFTED, checkpoint=checkpoint)
    assert weights(model).tobytes() == once[0].tobytes()
    assert losses == once[1]


def test_a_finished_run_is_not_trained_again(once, tmp_path):
    checkpoint = tmp_path / "training.npz"
    trained(checkpoint=checkpoint)
    again, _ = trained(checkpoint=checkpoint, progress=Killer(0))
    assert again.tobytes() == once[0].tobytes()


@pytest.mark.slow
def test_a_checkpoint_of_another_plan_is_not_used(once, tmp_path):
    checkpoint = tmp_path / "training.npz"
    trained(training.Plan(2, 1e-3, 16), checkpoint=checkpoint)
    assert trained(checkpoint=checkpoint)[0].tobytes() == once[0].tobytes()


@pytest.mark.slow
def test_every_epoch_has_its_own_order_of_all_samples():
    seen = []

    class Recorder(training.CrossEntropy):
        def __call__(self, model, batch):
            import tensorflow as tf

            tf.numpy_function(
                lambda index: seen.append(index.tolist()) or np.int64(0), [batch.index], tf.int64
            )
            return super().__call__(model, batch)

    training.fit(
        convolutional(), blobs().train, training.Plan(2, batch=16), objective=Recorder("softmax")
    )
    first, second = (list(chain(*batches)) for batches in (seen[:3], seen[3:]))
    assert sorted(first) == sorted(second) == list(range(48))
    assert first != second


def test_what_has_to_hold_after_a_step_holds_at_the_end():
    model = convolutional()
    kernel = model.get_layer("second").kernel

    def clear():
        kernel.assign(kernel * 0)

    training.fit(model, blobs().train, PLAN, after_step=clear)
    assert not np.asarray(kernel).any()
    assert np.asarray(model.get_layer("first").kernel).any()


def test_a_batch_larger_than_the_data_is_all_of_it():
    assert len(training.fit(convolutional(), blobs().train, training.Plan(2, batch=1000))) == 2


@pytest.mark.slow
def test_losses_of_layers_count():
    def with_penalty(strength):
        keras.utils.set_random_seed(0)
        layer = L.Dense(3, activation="softmax", kernel_regularizer=keras.regularizers.L2(strength))
        model = keras.Sequential([L.Input((6, 6, 1)), L.Flatten(), layer])
        training.fit(model, blobs().train, PLAN)
        return np.abs(np.asarray(layer.kernel)).sum()

    assert with_penalty(1.0) < with_penalty(0.0)


def test_errors_are_sentences():
    data = blobs()
    with pytest.raises(DataError, match="no samples to train with"):
        training.fit(convolutional(), Labelled(data.train.x[:0], data.train.y[:0]), PLAN)
    frozen = convolutional()
    frozen.trainable = False
    with pytest.raises(ModelError, match="has nothing to train; unfreeze"):
        training.fit(frozen, data.train, PLAN)
    broken = convolutional()
    broken.get_layer("second").kernel.assign(broken.get_layer("second").kernel * np.nan)
    with pytest.raises(ModelError, match=r"no longer finite in epoch 1; use a learning rate below"):
        training.fit(broken, data.train, PLAN)
