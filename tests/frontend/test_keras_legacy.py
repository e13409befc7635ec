"""Layer settings of Keras 1 and 2 under their names of today."""

import pytest

from tinygen.errors import UnsupportedError
from tinygen.frontend.keras_legacy import modernize


def modern(kind, **config):
    """What becomes of one layer in a functional model."""
    layer = {"class_name": kind, "config": {"name": "layer", **config}, "name": "layer"}
    model = modernize({"class_name": "Model", "config": {"name": "m", "layers": [layer]}})
    assert model["class_name"] == "Functional"
    (made,) = model["config"]["layers"]
    return made["class_name"], {k: v for k, v in made["config"].items() if k != "name"}


def test_the_groups_of_a_depthwise_convolution_go():
    assert modern("DepthwiseConv2D", groups=1, kernel_size=[3, 3]) == (
        "DepthwiseConv2D",
        {"kernel_size": [3, 3]},
    )


def test_the_groups_of_a_convolution_stay():
    assert modern("Conv2D", groups=2) == ("Conv2D", {"groups": 2})


def test_what_only_training_needs_goes():
    settings = {
        "kernel_initializer": {"class_name": "GlorotUniform", "config": {"dtype": "float32"}},
        "bias_regularizer": None,
        "gamma_constraint": None,
        "beta_init": "zero",
        "W_regularizer": None,
    }
    assert modern("Dense", units=3, **settings) == ("Dense", {"units": 3})


def test_convolution_of_keras_1():
    old = {
        "nb_filter": 8,
        "nb_row": 3,
        "nb_col": 5,
        "subsample": [2, 2],
        "border_mode": "same",
        "dim_ordering": "tf",
        "init": "uniform",
        "bias": True,
    }
    assert modern("Convolution2D", **old) == (
        "Conv2D",
        {
            "filters": 8,
            "kernel_size": [3, 5],
            "strides": [2, 2],
            "padding": "same",
            "data_format": "channels_last",
            "use_bias": True,
        },
    )


def test_the_order_of_theano_is_kept_for_the_exporter_to_refuse():
    assert modern("MaxPooling2D", dim_ordering="th")[1] == {"data_format": "channels_first"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("BatchNormalizationV1", "BatchNormalization"),
        ("Custom>experimental>Rescaling", "Rescaling"),
        ("SeparableConvolution2D", "SeparableConv2D"),
        ("Dense", "Dense"),
    ],
)
def test_names_of_classes(old, new):
    assert modern(old)[0] == new


@pytest.mark.parametrize(
    ("mode", "kind"), [("sum", "Add"), ("mul", "Multiply"), ("max", "Maximum")]
)
def test_merges(mode, kind):
    assert modern("Merge", mode=mode, concat_axis=-1) == (kind, {})


def test_a_merge_that_concatenates_keeps_its_axis():
    assert modern("Merge", mode="concat", concat_axis=3) == ("Concatenate", {"axis": 3})


def test_what_keras_3_has_no_layer_for_is_refused():
    with pytest.raises(UnsupportedError, match=r"'layer' \(Merge\): mode 'cos'"):
        modern("Merge", mode="cos")
    with pytest.raises(UnsupportedError, match="use mode 0"):
        modern("BatchNormalization", mode=2)
    assert modern("BatchNormalization", mode=0, axis=-1)[1] == {"axis": -1}


def test_a_sequential_that_is_a_list_gets_a_name_and_an_input():
    layers = [
        {"class_name": "Dense", "config": {"output_dim": 4, "batch_input_shape": [None, 9]}},
        {"class_name": "Dropout", "config": {"p": 0.5}},
    ]
    model = modernize({"class_name": "Sequential", "config": layers})
    head, dense, dropout = model["config"]["layers"]
    assert head["class_name"] == "InputLayer"
    assert head["config"]["batch_input_shape"] == [None, 9]
    assert dense["config"] == {"units": 4}
    assert dropout["config"] == {"rate": 0.5}


def test_models_inside_models_are_modernized_too():
    inner = {
        "class_name": "Model",
        "name": "inner",
        "config": {"name": "inner", "layers": [{"class_name": "Convolution1D", "config": {}}]},
    }
    outer = modernize({"class_name": "Model", "config": {"name": "m", "layers": [inner]}})
    (made,) = outer["config"]["layers"]
    assert made["class_name"] == "Functional"
    assert made["name"] == "inner"
    assert made["config"]["layers"][0]["class_name"] == "Conv1D"
