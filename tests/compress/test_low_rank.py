"""Two thin layers for one."""

import numpy as np
import pytest
from keras_layers import L, keras

from tinygen.compress import low_rank
from tinygen.compress.export import quantize
from tinygen.errors import ConfigError, ModelError


def model():
    """A dense layer, 1x1 convolutions with everything, a shared layer, and a 3x3 convolution."""
    keras.utils.set_random_seed(0)
    x = L.Input((6, 6, 8))
    y = L.Conv2D(24, 1, strides=2, activation="relu", name="strided")(x)
    y = L.Conv2D(24, 1, use_bias=False, name="plain")(y)
    y = L.Conv2D(16, 3, name="wide")(y)
    shared = L.Dense(16, activation="relu", name="shared")
    y = shared(shared(L.Flatten()(y)))
    return keras.Model(x, L.Dense(5, name="last")(y))


def run(network, seed=0):
    return np.asarray(
        network(
            np.random.default_rng(seed)
            .normal(0, 1, (4, *network.input_shape[1:]))
            .astype(np.float32)
        )
    )


def of_rank(rank, shape=(20, 30)):
    a, b = (
        np.random.default_rng(i).normal(0, 1, s)
        for i, s in enumerate(((shape[0], rank), (rank, shape[1])))
    )
    network = keras.Sequential([L.Input((shape[0],)), L.Dense(shape[1], name="dense")])
    network.layers[0].set_weights(
        [(a @ b).astype(np.float32), np.arange(shape[1], dtype=np.float32)]
    )
    return network


def test_a_matrix_of_low_rank_is_found_and_kept():
    network = of_rank(3)
    made = low_rank.factorise(network, energy=0.999999)
    assert made.ranks == {"dense": 3}
    np.testing.assert_allclose(run(made.model), run(network), rtol=1e-4, atol=1e-3)
    assert made.model.count_params() == 3 * (20 + 30) + 30


def test_the_error_is_what_the_dropped_singular_values_are():
    network = of_rank(15)
    kernel = np.asarray(network.layers[0].kernel)
    made = low_rank.factorise(network, energy=0.8)
    rank = made.ranks["dense"]
    first, second = (
        np.asarray(made.model.get_layer(f"dense_{end}").kernel) for end in ("in", "out")
    )
    singular = np.linalg.svd(kernel, compute_uv=False)
    lost = np.square(kernel - first @ second).sum()
    assert lost == pytest.approx(np.square(singular[rank:]).sum(), rel=1e-3)
    assert np.square(singular[:rank]).sum() >= 0.8 * np.square(singular).sum()
    assert np.square(singular[: rank - 1]).sum() < 0.8 * np.square(singular).sum()


def test_every_kind_of_layer_computes_what_its_factors_say():
    network = model()
    made = low_rank.factorise(network, parameters=0.7)
    assert {"strided", "shared"} <= set(made.ranks)
    assert "wide" not in made.ranks
    # The same model with each kernel replaced by its approximation must compute the same.
    for name in made.ranks:
        pair = [np.asarray(made.model.get_layer(f"{name}_{end}").kernel) for end in ("in", "out")]
        layer = network.get_layer(name)
        product = pair[0].reshape(pair[0].shape[-2:]) @ pair[1].reshape(pair[1].shape[-2:])
        layer.kernel.assign(product.reshape(layer.kernel.shape))
    np.testing.assert_allclose(run(made.model), run(network), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_a_budget_of_weights_is_kept_and_used(share):
    network = model()
    names = ("strided", "plain", "shared", "last")
    whole = sum(np.prod(network.get_layer(name).kernel.shape) for name in names)
    made = low_rank.factorise(network, parameters=share)
    left = sum(
        np.prod(made.model.get_layer(f"{name}_{end}").kernel.shape)
        for name in made.ranks
        for end in ("in", "out")
    ) + sum(np.prod(network.get_layer(n).kernel.shape) for n in names if n not in made.ranks)
    assert 0.6 * share * whole < left <= share * whole


def test_the_model_given_stays_and_the_result_can_be_quantized():
    network = model()
    before = [w.copy() for w in network.get_weights()]
    made = low_rank.factorise(network, energy=0.7)
    assert all(map(np.array_equal, before, network.get_weights()))
    samples = np.random.default_rng(0).normal(0, 1, (8, 6, 6, 8)).astype(np.float32)
    graph = quantize(made.model, samples, "thin")
    assert len(graph.nodes) > len(quantize(network, samples, "whole").nodes)


def test_what_would_not_get_smaller_stays_one_layer():
    made = low_rank.factorise(model(), energy=1.0)
    assert made.ranks == {}


def test_convolutions_over_time():
    keras.utils.set_random_seed(0)
    network = keras.Sequential([L.Input((12, 16)), L.Conv1D(16, 1, strides=2, name="conv")])
    made = low_rank.factorise(network, parameters=0.5)
    assert made.ranks == {"conv": 4}
    assert made.model.output_shape == network.output_shape


def test_errors_are_sentences():
    with pytest.raises(ConfigError, match="either energy or parameters"):
        low_rank.factorise(model())
    with pytest.raises(ConfigError, match=r"the share to keep is 1\.5"):
        low_rank.factorise(model(), energy=1.5)
    network = keras.Sequential([L.Input((6, 6, 2)), L.Conv2D(4, 3)])
    with pytest.raises(ModelError, match="neither dense layers nor 1x1 convolutions"):
        low_rank.factorise(network, energy=0.5)
