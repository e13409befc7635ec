import importlib.util

import numpy as np
import pytest
from tiny_models import two_convs

from tinygen import models
from tinygen.errors import ConfigError, DataError, ModelError
from tinygen.tflite_format.writer import write


def test_a_tflite_file_is_taken_as_it_is(tmp_path):
    content = write(two_convs())
    (tmp_path / "m.tflite").write_bytes(content)
    model = models.load(tmp_path / "m.tflite")
    assert model.data == content
    assert model.graph.name == "m"
    assert [node.op for node in model.graph.nodes] == ["CONV_2D", "CONV_2D"]


def test_calibration_data_for_a_quantized_model_is_refused(tmp_path):
    (tmp_path / "m.tflite").write_bytes(write(two_convs()))
    with pytest.raises(ConfigError, match="leave --calibration out"):
        models.load(tmp_path / "m.tflite", tmp_path / "c.npz")


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "M.H5"])
def test_a_keras_model_needs_calibration_data(tmp_path, name):
    with pytest.raises(ConfigError, match=r"--calibration FILE\.npz"):
        models.load(tmp_path / name)


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"absent\.tflite"):
        models.load(tmp_path / "absent.tflite")


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed"
)
def test_a_keras_model_is_quantized(tmp_path):
    import keras

    keras.utils.set_random_seed(3)
    keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, activation="relu")]).save(
        tmp_path / "m.keras"
    )
    np.savez(tmp_path / "c.npz", x=np.random.default_rng(1).normal(size=(40, 6)))
    model = models.load(tmp_path / "m.keras", tmp_path / "c.npz")
    assert [node.op for node in model.graph.nodes] == ["FULLY_CONNECTED"]
    assert model.graph.inputs[0].dtype == np.int8
    assert models.load(tmp_path / "m.keras", tmp_path / "c.npz").data == model.data
    np.savez(tmp_path / "empty.npz", samples=np.zeros((2, 6)))
    with pytest.raises(DataError):
        models.load(tmp_path / "m.keras", tmp_path / "empty.npz")
