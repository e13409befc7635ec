"""Pruning to a budget: what a board says, what criteria see, training in between."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
from keras_layers import L, keras
from prunable import build, inputs_of, outputs

from tinygen.compress.cost import estimate, int8_graph, measure
from tinygen.compress.prune import Budget, prune
from tinygen.compress.pruning.criteria import CRITERIA, importance
from tinygen.compress.pruning.magnitude import magnitude_masks
from tinygen.compress.pruning.structure import analyse
from tinygen.cores import core
from tinygen.errors import BudgetError, ConfigError, DataError

FOLDER = os.environ.get("TINYGEN_MODELS")
BOARD = "nucleo_f746zg"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("tensorflow") is None,
        reason="TensorFlow is not installed (extra 'train')",
    ),
]


def small(seed=0):
    """A residual network with a depthwise layer, for (16, 16, 3) images."""
    keras.utils.set_random_seed(seed)
    x = L.Input((16, 16, 3))
    y = L.ReLU()(L.BatchNormalization()(L.Conv2D(16, 3, padding="same", name="stem")(x)))
    z = L.Conv2D(16, 3, padding="same", activation="relu", name="left")(y)
    y = L.Add()([y, L.Conv2D(16, 3, padding="same", name="right")(z)])
    y = L.DepthwiseConv2D(3, strides=2, padding="same", name="deep")(y)
    y = L.ReLU()(L.BatchNormalization()(L.Conv2D(32, 1, name="wide")(y)))
    return keras.Model(x, L.Dense(4, "softmax", name="head")(L.GlobalAveragePooling2D()(y)))


def labelled_samples(count=40):
    random = np.random.default_rng(2)
    return random.normal(size=(count, 16, 16, 3)).astype("f4"), random.integers(0, 4, count)


@pytest.mark.parametrize("figure", ["cycles_modelled", "ram_bytes", "flash_bytes"])
def test_half_of_what_a_board_counts(figure):
    model = small()
    result = prune(model, Budget(figure, fraction=0.5), BOARD)
    assert getattr(result.cost_before, figure) == result.before
    assert 0.35 * result.before <= result.after <= 0.5 * result.before
    assert result.cost_after == measure(result.model, BOARD)
    assert result.cost_after.macs < result.cost_before.macs
    assert result.cost_after.parameters == result.model.count_params()
    for layer in result.model.layers:
        if isinstance(layer, L.Conv2D) and not isinstance(layer, L.DepthwiseConv2D):
            assert layer.filters % 4 == 0
            lost = model.get_layer(layer.name).filters - layer.filters
            assert result.removed.get(layer.name, 0) == lost
    assert model.count_params() == result.cost_before.parameters


def test_estimates_follow_what_is_counted():
    model = small()
    quick, exact = estimate(model, BOARD), measure(model, BOARD)
    assert quick.cost.macs == exact.macs
    assert quick.cost.parameters == exact.parameters
    assert 0.5 < quick.cost.cycles_modelled / exact.cycles_modelled < 2
    assert 0.8 < quick.cost.flash_bytes / exact.flash_bytes < 1.2
    assert exact.ram_bytes <= quick.cost.ram_bytes <= 2 * exact.ram_bytes
    assert quick.layers["left"] > quick.layers["head"] > 0
    assert measure(int8_graph(model), BOARD).instructions == exact.instructions


def test_a_core_without_a_cycle_model_takes_instructions():
    helium = core("cortex-m55")
    with pytest.raises(ConfigError, match="no cycle model of cortex-m55; give a budget of inst"):
        prune(small(), Budget("cycles_modelled", fraction=0.5), helium)


def test_a_function_as_cost_and_layers_no_board_compiles():
    model = build("LSTM")
    result = prune(model, Budget("macs", fraction=0.5), keras.Model.count_params, multiple=1)
    assert result.after == result.model.count_params() <= 0.5 * model.count_params()
    assert result.cost_after.cycles_modelled is None
    assert result.cost_after.macs < result.cost_before.macs


def parameters(model):
    return float(model.count_params())


@pytest.mark.parametrize("criterion", CRITERIA)
def test_criteria_are_deterministic_and_differ(criterion):
    arguments = {"criterion": criterion, "samples": labelled_samples(), "seed": 3}
    budget = Budget("macs", fraction=0.6)
    first, again = (prune(small(), budget, parameters, **arguments) for _ in range(2))
    for a, b in zip(first.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert first.removed == again.removed
    assert first.after <= 0.6 * first.before


def shares_of(model, criterion, samples=None, loss=None, seed=0):
    structure = analyse(model)
    found = importance(model, structure, criterion, samples, loss, seed)
    roots = structure.channels.roots
    labelled = {each.layer.name: each for each in structure.layers}
    return lambda name: np.array([found[root] for root in roots(labelled[name].output)])


def test_small_weights_and_small_scales_matter_little():
    model = small()
    kernel, bias = model.get_layer("left").get_weights()
    kernel[..., 5] = 0
    model.get_layer("left").set_weights([kernel, bias])
    for criterion in ("l1", "l2"):
        shares = shares_of(model, criterion)("left")
        assert shares.argmin() == 5
        assert shares.sum() == pytest.approx(1)
    model.layers[2].gamma.assign(np.arange(1, 17, dtype="f4"))
    assert shares_of(model, "bn")("stem").argsort().tolist() == list(range(16))


def test_taylor_is_the_loss_that_a_channel_makes():
    """For a loss that is linear in a channel the first order is all there is."""
    model = keras.Sequential([L.Input((6,)), L.Dense(5, name="units"), L.Dense(1, name="end")])
    keras.utils.set_random_seed(4)
    x = np.random.default_rng(1).normal(size=(20, 6)).astype("f4")
    shares = shares_of(model, "taylor", (x, np.zeros(20, "f4")), lambda y, output: output)("units")
    kernel, bias = model.get_layer("units").get_weights()
    change = (x @ kernel + bias).mean(axis=0) * model.get_layer("end").get_weights()[0][:, 0]
    np.testing.assert_allclose(shares, change**2 / (change**2).sum(), rtol=1e-3)


def test_training_follows_every_step_and_may_start_from_an_earlier_state():
    early, late = small(1), small(2)
    sizes, seen = [], []

    def fine_tune(model):
        sizes.append(model.count_params())
        seen.append(model.get_layer("wide").get_weights()[0].copy())
        model.get_layer("wide").bias.assign_add(np.ones(model.get_layer("wide").filters))

    budget = Budget("macs", fraction=0.4)
    result = prune(
        late, budget, parameters, iterations=3, fine_tune=fine_tune, rewind=early, multiple=1
    )
    assert len(sizes) == 3
    assert sizes == sorted(sizes, reverse=True)
    assert result.after == sizes[-1] <= 0.4 * late.count_params()
    original = set(early.get_layer("wide").get_weights()[0].ravel().tolist())
    assert all(set(kernel.ravel().tolist()) <= original for kernel in seen)
    assert (result.model.get_layer("wide").bias.numpy() == 1).all()
    with pytest.raises(ConfigError, match="other layers than the one to prune"):
        prune(late, budget, parameters, rewind=build("Dense"))


def test_a_budget_that_is_met_changes_nothing():
    model = small()
    result = prune(model, Budget("macs", limit=1e9), parameters)
    assert result.removed == {}
    inputs = inputs_of(model)
    np.testing.assert_array_equal(outputs(model, inputs), outputs(result.model, inputs))


def test_wrong_arguments_are_named():
    model = small()
    with pytest.raises(BudgetError, match=r"cannot be pruned to 10 macs.*still takes"):
        prune(model, Budget("macs", limit=10), parameters)
    with pytest.raises(ConfigError, match="'magic' is not known; use one of l1"):
        prune(model, Budget("macs", limit=10), parameters, criterion="magic")
    with pytest.raises(ConfigError, match="finds no layer to look at"):
        prune(build("Dense"), Budget("macs", limit=10), parameters, criterion="bn")
    with pytest.raises(ConfigError, match="at least 1"):
        prune(model, Budget("macs", limit=10), parameters, iterations=0)
    for limits in ({}, {"limit": 1, "fraction": 1}, {"fraction": 0}, {"limit": float("nan")}):
        with pytest.raises(ConfigError, match="give one of them"):
            Budget("macs", **limits)
    with pytest.raises(ConfigError, match="'energy' is not known"):
        Budget("energy", limit=1)
    x, y = labelled_samples()
    for samples, message in (
        (None, "needs samples"),
        ((x, y[:3]), "as many"),
        ((x, y + 1), "labels from 0 to 3"),
    ):
        with pytest.raises(DataError, match=message):
            prune(model, Budget("macs", limit=10), parameters, criterion="taylor", samples=samples)


@pytest.mark.parametrize("per_layer", [False, True])
def test_zeros_stay_while_the_rest_trains(per_layer):
    model = small()
    before = model.get_weights()
    masks = magnitude_masks(model, 0.75, per_layer=per_layer)
    assert masks.sparsity == pytest.approx(0.75, abs=0.01)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
    masks.apply(model)
    model.compile("sgd", "sparse_categorical_crossentropy")
    kernel = model.get_layer("left").get_weights()[0]
    model.fit(*labelled_samples(), epochs=1, verbose=0, callbacks=[masks.callback()])
    trained = model.get_layer("left").get_weights()[0]
    assert ((trained == 0) == (kernel == 0)).all()
    assert (trained != kernel).any()
    zeros = [(w == 0).mean() for w in model.get_weights() if w.ndim > 1]
    assert (max(zeros) - min(zeros) < 0.05) == per_layer
    with pytest.raises(ConfigError, match=r"sparsity of 1 is not in \[0, 1\)"):
        magnitude_masks(model, 1)


def test_zeros_do_not_make_a_model_faster():
    """What docs/pruning.md says of unstructured pruning, counted."""
    model = small()
    dense = measure(model, BOARD)
    magnitude_masks(model, 0.5).apply(model)
    sparse = measure(model, BOARD)
    assert sparse.instructions == pytest.approx(dense.instructions, rel=0.01)
    assert sparse.ram_bytes == dense.ram_bytes


@pytest.mark.reference
@pytest.mark.skipif(FOLDER is None, reason="TINYGEN_MODELS does not name the reference models")
def test_half_of_visual_wake_words():
    from tinygen.frontend.keras import load

    model = load(Path(FOLDER) / "models" / "vww_96.h5")
    result = prune(model, Budget("cycles_modelled", fraction=0.5), BOARD)
    before, after = result.cost_before, result.cost_after
    for figure in ("cycles_modelled", "instructions", "macs"):
        assert 0.45 <= getattr(after, figure) / getattr(before, figure) <= 0.55
    assert after.ram_bytes < before.ram_bytes
