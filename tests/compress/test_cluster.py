"""Weights that share values, also after they were trained."""

import numpy as np
import pytest
from classifiers import blobs, convolutional
from keras_layers import L, keras

from tinygen.compress import cluster, training
from tinygen.compress.export import quantize
from tinygen.errors import ConfigError, ModelError


def distinct(model):
    return [
        len(np.unique(np.asarray(layer.kernel)))
        for layer in model.layers
        if hasattr(layer, "kernel")
    ]


def test_every_layer_has_so_many_values():
    model = convolutional(width=16)
    cluster.cluster(model, 5)
    assert distinct(model) == [5, 5, 5]


def test_they_are_the_means_of_what_they_stand_for():
    model = convolutional(width=16)
    before = np.asarray(model.get_layer("second").kernel).copy()
    cluster.cluster(model, 6)
    after = np.asarray(model.get_layer("second").kernel)
    for value in np.unique(after):
        assert before[after == value].mean() == pytest.approx(value, abs=1e-6)
    # No weight is nearer to another of the values.
    nearest = np.abs(before[..., np.newaxis] - np.unique(after)).min(axis=-1)
    np.testing.assert_allclose(np.abs(before - after), nearest, atol=1e-6)


def test_training_keeps_them_and_moves_them():
    model = convolutional(width=16)
    clusters = cluster.cluster(model, 4)
    before = np.unique(np.asarray(model.get_layer("second").kernel))
    plan = training.Plan(5, 1e-2, 16)
    losses = training.fit(model, blobs().train, plan, after_step=clusters.project)
    assert distinct(model) == [4, 4, 4]
    assert losses[-1] < losses[0]
    assert not np.allclose(before, np.unique(np.asarray(model.get_layer("second").kernel)))


@pytest.mark.slow
def test_a_compressed_stream_gets_smaller_and_nothing_else():
    x = blobs().train.x
    whole = quantize(convolutional(width=32), x, "whole")
    model = convolutional(width=32)
    cluster.cluster(model, 4)
    shared = quantize(model, x, "shared")
    sizes = [
        sum(t.nbytes for n in g.nodes for t in n.inputs if t is not None and t.is_constant)
        for g in (whole, shared)
    ]
    assert sizes[0] == sizes[1]
    assert cluster.stream_bytes(shared) < cluster.stream_bytes(whole) / 2


def test_constant_weights_are_one_value():
    model = convolutional()
    kernel = model.get_layer("second").kernel
    kernel.assign(np.full(kernel.shape, 0.25))
    cluster.cluster(model, 4)
    assert np.unique(np.asarray(kernel)).tolist() == [0.25]


def test_errors_are_sentences():
    with pytest.raises(ConfigError, match="cannot share 1 values; give at least 2"):
        cluster.cluster(convolutional(), 1)
    with pytest.raises(ModelError, match="has no weights to cluster"):
        cluster.cluster(keras.Sequential([L.Input((4,)), L.ReLU()]), 4)
