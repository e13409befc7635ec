"""Families of networks: every one builds in any size, quantizes, and compiles bit-exactly."""

import importlib.util

import numpy as np
import pytest

from tinygen import cores, verify, zoo
from tinygen.compiler import compile_graph
from tinygen.errors import ConfigError
from tinygen.ops import operator
from tinygen.tflite_format.writer import write
from tinygen.zoo import families
from tinygen.zoo.families import Architecture
from tinygen.zoo.families.size import Size, halving

trained = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None,
    reason="TensorFlow is not installed (extra 'train')",
)
FAMILIES = (
    *("ds_cnn", "efficientnet_lite", "mobilenet_v1", "mobilenet_v2"),
    *("resnet", "shufflenet", "squeezenet"),
)


class Picture:
    def __init__(self, rows, columns):
        self.shape = (None, rows, columns, 1)


def test_names():
    assert families.names() == FAMILIES
    assert Architecture("resnet", 0.25, 2, 5).name == "resnet_w0_25_d2_k5"


@pytest.mark.parametrize(
    ("width", "wanted", "channels"), [(1, 16, 16), (0.25, 16, 4), (0.01, 16, 4), (0.7, 32, 24)]
)
def test_channels_suit_the_kernels(width, wanted, channels):
    assert Size(width, 1, 3).channels(wanted) == channels


def test_small_pictures_are_not_halved():
    assert [halving(Picture(*shape)) for shape in ((5, 5), (4, 9), (9, 4))] == [2, 1, 1]
    assert halving(Picture(50, 50), False) == 1


@pytest.mark.parametrize("size", [(0, 1, 3), (1, 0, 3), (1, 1, 4), (-1, 1, 3)])
def test_sizes_that_make_no_network(size):
    with pytest.raises(ConfigError, match="make no network; give a width above 0"):
        Size(*size)


def test_an_unknown_family():
    with pytest.raises(ConfigError, match="no family 'lenet' in the zoo; use one of ds_cnn"):
        families.build(Architecture("lenet"), (8, 8, 1), 2)
    with pytest.raises(ConfigError, match="made for pictures, and the samples have shape"):
        families.build(Architecture("resnet"), (8,), 2)


@trained
@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_compiles_bit_exactly(family):
    model = families.build(Architecture(family, 0.5, 2, 5), (12, 10, 2), 3, seed=1)
    graph = zoo.untrained_int8(model, family)
    compiled = compile_graph(graph, cores.core("cortex-m4"))
    certificate = verify.prove(compiled, write(graph), "host")
    assert certificate.host.values > 0
    stored = {x.name: x.shape for x in graph.inputs + graph.outputs}
    assert list(stored.values()) == [(1, 12, 10, 2), (1, 3)]


@trained
@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_width_depth_and_kernel_change_the_network(family):
    def macs(**size):
        # Weights decide nothing here, so the smallest pictures do.
        model = families.build(Architecture(family, **size), (6, 6, 1), 2)
        zoo.settle(model, np.random.default_rng(0).normal(size=(8, 6, 6, 1)).astype(np.float32))
        graph = lower(model)
        return sum(operator(node.op).macs(node) for node in graph.nodes)

    small = macs(width=0.5, depth=1, kernel=3)
    assert macs(width=1.0, depth=1, kernel=3) > small
    assert macs(width=0.5, depth=2, kernel=3) > small
    assert macs(width=0.5, depth=1, kernel=5) > small


def lower(model):
    from tinygen.compress.export import float_graph

    return float_graph(model, "network")


@trained
@pytest.mark.slow
def test_resnet_of_width_and_depth_1_is_resnet8():
    model = families.build(Architecture("resnet"), (32, 32, 3), 10)
    assert model.count_params() == zoo.build("ic").count_params()


@trained
@pytest.mark.slow
def test_a_shuffle_takes_the_halves_in_turn():
    import keras

    from tinygen.zoo.families import shufflenet

    x = keras.Input((2, 1, 8))
    model = keras.Model(x, shufflenet._shuffled(x, "unit"))
    values = np.arange(16, dtype=np.float32).reshape(1, 2, 1, 8)
    assert model(values).numpy()[0, 0, 0].tolist() == [0, 4, 1, 5, 2, 6, 3, 7]
    parts = keras.Model(x, shufflenet._halves(x, "other"))(values)
    assert [part.numpy()[0, 1, 0].tolist() for part in parts] == [[8, 9, 10, 11], [12, 13, 14, 15]]


@trained
@pytest.mark.slow
def test_sequences_are_taken_as_pictures():
    model = families.build(Architecture("ds_cnn", 0.25), (9, 4), 2)
    assert model.input_shape == (None, 9, 4)
    assert model.output_shape == (None, 2)


@trained
@pytest.mark.slow
def test_settling_leaves_the_training_as_it_is():
    import keras

    model = families.build(Architecture("mobilenet_v1", 0.25), (6, 6, 1), 2)
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    before = [layer.momentum for layer in norms]
    zoo.settle(model, np.full((4, 6, 6, 1), 3, np.float32))
    assert [layer.momentum for layer in norms] == before
    assert any(layer.moving_mean.numpy().any() for layer in norms)
