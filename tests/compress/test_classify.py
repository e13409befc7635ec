"""What outputs mean, and what may change in samples."""

import numpy as np
import pytest
from classifiers import blobs, convolutional
from keras_layers import L, keras

from tinygen.compress import augment, classify, qat


def headed(*layers):
    keras.utils.set_random_seed(0)
    return keras.Sequential([L.Input((4,)), *layers])


@pytest.mark.parametrize(
    ("build", "end"),
    [
        (lambda: headed(L.Dense(3, activation="softmax")), "softmax"),
        (lambda: headed(L.Dense(3), L.Softmax()), "softmax"),
        (lambda: headed(L.Dense(3), L.Activation("softmax")), "softmax"),
        (lambda: headed(headed(L.Dense(3, activation="softmax"))), "softmax"),
        (lambda: headed(L.Dense(1, activation="sigmoid")), "sigmoid"),
        (lambda: headed(L.Dense(3)), "logits"),
    ],
)
def test_every_ending_gives_the_same_log_probabilities(build, end):
    model = build()
    assert classify.ending(model) == end
    x = np.random.default_rng(0).normal(0, 1, (5, 4)).astype(np.float32)
    assert classify.ending(qat.prepare(model, x, "prepared")) == end
    outputs = classify.predict(model, x)
    log_p = np.asarray(classify.log_probabilities(outputs, end))
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1, rtol=1e-5)
    classes = log_p.argmax(axis=1)
    assert classify.accuracy(outputs, classes) == 1.0
    assert classify.accuracy(outputs, (classes + 1) % log_p.shape[1]) == 0.0


def test_impossible_classes_have_a_finite_loss():
    log_p = np.asarray(classify.log_probabilities(np.array([[1.0, 0.0]], np.float32), "softmax"))
    assert np.isfinite(log_p).all()


def test_predictions_do_not_hang_on_how_samples_are_cut():
    model, x = convolutional(), blobs(count=1200).train.x
    np.testing.assert_allclose(classify.predict(model, x), np.asarray(model(x)), atol=1e-6)


@pytest.mark.parametrize("name", sorted(augment.AUGMENTATIONS))
@pytest.mark.parametrize("shape", [(9, 8, 2), (30, 3), (5,)])
def test_augmentation_follows_from_its_seed(name, shape):
    x = np.random.default_rng(0).normal(0, 1, (6, *shape)).astype(np.float32)
    apply = augment.chain([name])
    first, again, other = (
        np.asarray(apply(x, np.array(s, np.int32))) for s in ((1, 2), (1, 2), (1, 9))
    )
    assert first.shape == x.shape
    assert first.tobytes() == again.tobytes()
    stays = (name == "shift" and len(shape) == 1) or (name == "crop" and len(shape) < 3)
    assert stays == (first.tobytes() == other.tobytes())


def test_what_each_augmentation_does():
    x = np.arange(1, 2 * 6 * 5 + 1, dtype=np.float32).reshape(2, 6, 5, 1)
    seeds = [np.array((1, i), np.int32) for i in range(12)]
    flipped = [np.asarray(augment.flip(x, seed)) for seed in seeds]
    for batch in flipped:
        for image, original in zip(batch, x, strict=True):
            assert (image == original).all() or (image == original[:, ::-1]).all()
    moved = {
        tuple(np.argwhere(np.asarray(augment.shift(x, s))[0, :, :, 0] == 13)[0]) for s in seeds
    }
    assert {(2, 2)} < moved <= {(r, c) for r in (1, 2, 3) for c in (1, 2, 3)}
    difference = np.asarray(augment.noise(x, seeds[0])) - x
    assert 0.5 < difference.std() / (0.05 * x.std()) < 2
    factors = np.asarray(augment.scale(x, seeds[0])) / x
    for sample in factors:
        np.testing.assert_allclose(sample, sample[0, 0, 0], rtol=1e-6)
        assert 0.9 <= sample.min() < 1.1
    assert factors[0, 0, 0, 0] != factors[1, 0, 0, 0]


def test_a_crop_is_a_part_of_the_image_made_as_large():
    rows, columns = np.meshgrid(np.arange(21), np.arange(11), indexing="ij")
    image = np.stack([rows, columns], axis=-1)[np.newaxis].astype(np.float32)
    for seed in range(12):
        cropped = np.asarray(augment.crop(image, np.array((1, seed), np.int32)))[0]
        for channel, size in enumerate((21, 11)):
            # Coordinates as values: within the image, evenly spaced, 85 to 100 % of its extent.
            line = cropped[..., channel].mean(axis=1 - channel)
            assert line.min() >= 0
            assert line.max() <= size - 1
            assert 0.85 <= (line[-1] - line[0]) / (size - 1) <= 1
            np.testing.assert_allclose(np.diff(line), np.diff(line)[0], atol=1e-4)
    assert augment.chain([]) is None
