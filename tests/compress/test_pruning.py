"""A model without channels equals the original whose other layers do not listen to them."""

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras_layers import L, keras
from prunable import MODELS, build, inputs_of, masked_outputs, outputs, stirred

from tinygen.compress.pruning.bundles import Bundles
from tinygen.compress.pruning.rules import RULES
from tinygen.compress.pruning.structure import analyse
from tinygen.compress.pruning.surgery import removed_channels, without
from tinygen.errors import ModelError, UnsupportedError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("tensorflow") is None,
        reason="TensorFlow is not installed (extra 'train')",
    ),
]

RELATIVE = 1e-4


def removable(structure):
    return sorted(root for roots in Bundles(structure).members for root in roots)


def some_of(structure, random):
    """Half of the channels of every bundle that has more than one."""
    members = [roots for roots in Bundles(structure).members if len(roots) > 1]
    return {int(root) for roots in members for root in random.permutation(roots)[: len(roots) // 2]}


def assert_like_masked(model, removed, structure):
    inputs = inputs_of(model)
    wanted = masked_outputs(model, structure, removed, inputs)
    smaller = without(model, structure, removed)
    for got, want in zip(outputs(smaller, inputs), wanted, strict=True):
        assert got.shape == want.shape
        assert np.abs(got - want).max() <= RELATIVE * np.abs(want).max()
    assert {layer.name for layer in model._flatten_layers()} - {model.name} <= {
        layer.name for layer in smaller._flatten_layers()
    }
    return smaller


@pytest.mark.parametrize("name", MODELS)
def test_smaller_model_equals_the_masked_one(name):
    model = build(name)
    structure = analyse(model)
    removed = some_of(structure, np.random.default_rng(1))
    assert removed
    smaller = assert_like_masked(model, removed, structure)
    assert smaller.count_params() < model.count_params()
    left = np.array(
        [sum(root not in removed for root in roots) for roots in Bundles(structure).members]
    )
    assert Bundles(structure).parameters(left) == smaller.count_params()
    assert sum(removed_channels(structure, removed).values()) > 0


def test_every_rule_has_a_model():
    met = {type(layer).__name__ for name in MODELS for layer in build(name)._flatten_layers()}
    alike = {"ELU", "ReLU", "Identity", "ActivityRegularization", "Normalization"}
    noise = {"AlphaDropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D"}
    assert set(RULES) <= met | alike | noise


def test_numbers_of_channels_are_those_that_were_asked_for():
    model = build("nested models")
    structure = analyse(model)
    smaller = without(model, structure, some_of(structure, np.random.default_rng(1)))
    assert smaller.get_layer("inner").input_shape == (None, 8, 6, 4)
    assert [w.shape[-1] for w in smaller.get_layer("inner").weights[::2]] == [6, 4]


BLOCKS = ("conv", "depthwise", "add", "join", "gate", "normalize")
POOLS = ("Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D")


def network(width, blocks, pool):
    """Blocks that convolve, add, join, gate or normalize, each with a number of channels."""
    keras.utils.set_random_seed(7)
    x = L.Input((8, 6, 3))
    y = L.Conv2D(width, 3, padding="same")(x)
    for kind, width in blocks:
        channels = y.shape[-1]
        if kind == "conv":
            y = L.Conv2D(width, 1 + 2 * (width % 2), padding="same", activation="relu")(y)
        elif kind == "depthwise":
            y = L.DepthwiseConv2D(3, padding="same", depth_multiplier=1 + width % 2)(y)
        elif kind == "add":
            y = L.Add()([y, L.Conv2D(channels, 3, padding="same")(L.ReLU()(y))])
        elif kind == "join":
            y = L.Concatenate()([y, L.Conv2D(width, 1)(y)])
        elif kind == "gate":
            y = L.Multiply()([y, L.Dense(channels, "sigmoid")(y)])
        else:
            y = L.BatchNormalization()(y)
    return stirred(keras.Model(x, L.Dense(3)(getattr(L, pool)()(y))))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    st.integers(2, 6),
    st.lists(st.tuples(st.sampled_from(BLOCKS), st.integers(2, 6)), min_size=1, max_size=5),
    st.sampled_from(POOLS),
    st.integers(0, 99),
)
def test_drawn_networks_equal_masked_ones(width, blocks, pool, seed):
    model = network(width, blocks, pool)
    structure = analyse(model)
    removed = some_of(structure, np.random.default_rng(seed))
    assert_like_masked(model, removed, structure)
    assert removed.isdisjoint(structure.channels.frozen)


def test_inputs_and_outputs_keep_their_channels():
    model = keras.Sequential([L.Input((8, 6, 3)), L.DepthwiseConv2D(3), L.Conv2D(4, 3)])
    assert removable(analyse(model)) == []


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lambda: L.Lambda(lambda x: x, name="fun"), r"layer 'fun' \(Lambda\) cannot be pruned"),
        (lambda: L.LayerNormalization(name="n"), r"layer 'n' \(LayerNormalization\).*known are"),
        (lambda: L.Conv2D(8, 3, groups=2, name="c"), "'c'.*it has 2 groups; use Depthwise"),
        (lambda: L.BatchNormalization(axis=1, name="b"), "'b'.*normalizes axis 1"),
        (lambda: L.Activation(lambda x: x, name="a"), "'a'.*activation is from"),
    ],
)
def test_what_cannot_be_followed_is_refused(layer, message):
    model = keras.Sequential([L.Input((8, 6, 4)), L.Conv2D(8, 3), layer(), L.Conv2D(3, 1)])
    with pytest.raises(UnsupportedError, match=message):
        analyse(model)


def test_an_operation_on_a_constant_is_refused():
    x = L.Input((8,))
    with pytest.raises(UnsupportedError, match="outside a layer"):
        analyse(keras.Model(x, L.Dense(3)(L.Dense(8)(x) * 2.0)))


def test_weights_that_are_not_finite_are_refused():
    model = build("Dense")
    model.layers[0].bias.assign(np.full(8, np.nan))
    with pytest.raises(ModelError, match="not finite"):
        analyse(model)


def test_a_model_without_a_graph_is_refused():
    with pytest.raises(ModelError, match="no graph of layers"):
        analyse(keras.Sequential([L.Dense(3)]))
    x = L.Input((None, 4))
    with pytest.raises(ModelError, match="not fixed"):
        analyse(keras.Model(x, L.LSTM(4)(x)))
