"""Small changes that leave the class what it is, drawn anew for every sample of every epoch.

Each takes a batch (samples, ..., channels) and an int32 seed of shape (2,), and keeps no state: the
same seed gives the same batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygen.compress.backend import tensorflow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SHIFT = 0.08
_NOISE = 0.05
_CROP = 0.15
_SCALE = 0.1


def flip(batch: Any, seed: Any) -> Any:
    """Half of the images mirrored left to right."""
    tf = tensorflow()
    drawn = tf.random.stateless_uniform((tf.shape(batch)[0],), seed) < 0.5
    shape = (-1, *(1,) * (len(batch.shape) - 1))
    return tf.where(
        tf.reshape(drawn, shape), tf.reverse(batch, axis=(len(batch.shape) - 2,)), batch
    )


def shift(batch: Any, seed: Any) -> Any:
    """Every sample moved along every axis but the last, by up to 8 % of it; zeros move in.

    A vector has no such axis and stays.
    """
    tf = tensorflow()
    for axis in range(1, len(batch.shape) - 1):
        size = batch.shape[axis]
        most = max(round(_SHIFT * size), 1)
        fold = tf.random.experimental.stateless_fold_in(seed, axis)
        drawn = (tf.shape(batch)[0], 1)
        start = tf.random.stateless_uniform(drawn, fold, 0, 2 * most + 1, tf.int32)
        margins = [(most, most) if i == axis else (0, 0) for i in range(len(batch.shape))]
        padded = tf.pad(batch, margins)
        batch = tf.gather(padded, start + tf.range(size), axis=axis, batch_dims=1)
    return batch


def noise(batch: Any, seed: Any) -> Any:
    """Normal noise of 5 % of the batch's standard deviation."""
    tf = tensorflow()
    strength = _NOISE * tf.math.reduce_std(batch)
    return batch + strength * tf.random.stateless_normal(tf.shape(batch), seed)


def crop(batch: Any, seed: Any) -> Any:
    """Of every image a part of at least 85 % of its height and width, as large as the image was.

    Resized bilinearly. Series and vectors stay.
    """
    tf = tensorflow()
    if len(batch.shape) != 4:
        return batch
    count = tf.shape(batch)[0]
    size = tf.random.stateless_uniform((count, 2), seed, 1 - _CROP, 1)
    fold = tf.random.experimental.stateless_fold_in(seed, 1)
    start = tf.random.stateless_uniform((count, 2), fold) * (1 - size)
    boxes = tf.concat([start, start + size], axis=1)
    return tf.image.crop_and_resize(batch, boxes, tf.range(count), batch.shape[1:3])


def scale(batch: Any, seed: Any) -> Any:
    """Every sample times one factor between 0.9 and 1.1: a louder sound, a brighter image."""
    tf = tensorflow()
    shape = (tf.shape(batch)[0], *(1,) * (len(batch.shape) - 1))
    return batch * tf.random.stateless_uniform(shape, seed, 1 - _SCALE, 1 + _SCALE)


AUGMENTATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "crop": crop,
    "flip": flip,
    "noise": noise,
    "scale": scale,
    "shift": shift,
}


def chain(names: Sequence[str]) -> Callable[[Any, Any], Any] | None:
    """All of the named ones, one after the other; None for no names."""
    if not names:
        return None

    def augment(batch: Any, seed: Any) -> Any:
        for number, name in enumerate(names):
            fold = tensorflow().random.experimental.stateless_fold_in(seed, number)
            batch = AUGMENTATIONS[name](batch, fold)
        return batch

    return augment
