"""Keras files: good ones of all ages, and bad ones, each answered with one sentence."""

import io
import json
import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from keras_layers import L, image, keras

from tinygen import data, reference
from tinygen.errors import ModelError, ToolchainError, UnsupportedError
from tinygen.frontend import tflite
from tinygen.frontend.keras import load

MODELS = Path(__file__).parent.parent / "models"
FLOAT = MODELS / "digits_separable.keras"
OFFICIAL = os.environ.get("TINYGEN_MODELS")


def archive(**entries):
    """The bytes of a zip archive."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, text in entries.items():
            file.writestr(name.replace("_", "."), text)
    return content.getvalue()


def description(layer):
    """config.json of a model with one layer."""
    return json.dumps({"class_name": "Functional", "config": {"name": "m", "layers": [layer]}})


def file_with(tmp_path, content, name="model.keras"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "neither a .keras nor an .h5 file"),
        (b"TFL3" * 100, "neither a .keras nor an .h5 file"),
        (FLOAT.read_bytes()[:5000], "neither a .keras nor an .h5 file, or it is damaged"),
        (archive(readme_txt="hello"), "without config.json"),
        (archive(config_json="{"), "description of the layers is damaged"),
        (archive(config_json="[" * 100_000), "description of the layers is damaged"),
        (archive(config_json="[]"), "description of the layers is damaged"),
        (archive(config_json='{"class_name": "Functional"}'), "is damaged .*'config'"),
    ],
)
def test_files_that_are_no_models(tmp_path, content, message):
    with pytest.raises(ModelError, match=message):
        load(file_with(tmp_path, content))


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(ModelError, match=r"cannot be read .*name a .keras or .h5 file"):
        load(tmp_path / "missing.keras")
    with pytest.raises(ModelError, match="is a folder; load it where it was made"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            {"class_name": "Lambda", "config": {"name": "fun"}},
            r"'fun' \(Lambda\) runs Python code of its own; replace it",
        ),
        (
            {"class_name": "GRU", "module": "keras.layers", "config": {"name": "memory"}},
            r"'memory' \(GRU\) has no int8 operator; replace it, supported are .*Conv2D",
        ),
        (
            {"class_name": "Conv2D", "registered_name": "my>Conv2D", "config": {"name": "mine"}},
            r"'mine' \(Conv2D\) has no int8 operator",
        ),
        (
            {"class_name": "Conv2D", "module": "evil", "config": {"name": "mine"}},
            r"'mine' \(Conv2D\) has no int8 operator",
        ),
        (
            {
                "class_name": "Dense",
                "config": {"name": "d", "activation": {"class_name": "__lambda__"}},
            },
            "a layer runs a Python lambda",
        ),
        (
            {
                "class_name": "Sequential",
                "config": {
                    "name": "inner",
                    "layers": [{"class_name": "TFOpLambda", "config": {"name": "tf.add"}}],
                },
            },
            r"'tf.add' \(TFOpLambda\)",
        ),
    ],
)
def test_layers_are_judged_before_keras_sees_the_file(tmp_path, layer, message):
    with pytest.raises(UnsupportedError, match=message):
        load(file_with(tmp_path, archive(config_json=description(layer))))


def test_without_tensorflow_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ToolchainError, match=r"pip install 'tinygen\[train\]'"):
        load(FLOAT)


def test_damaged_h5_files(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = file_with(tmp_path, b"\x89HDF\r\n\x1a\n" + bytes(100), "cut.h5")
    with pytest.raises(ModelError, match=r"cut\.h5 is damaged"):
        load(path)
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file["kernel"] = np.zeros(3)
    with pytest.raises(ModelError, match="weights without the layers they belong to"):
        load(tmp_path / "weights.h5")
    with h5py.File(tmp_path / "text.h5", "w") as file:
        file.attrs["model_config"] = "{"
    with pytest.raises(ModelError, match="description of the layers is damaged"):
        load(tmp_path / "text.h5")


@pytest.mark.slow
class TestLoading:
    """Needs TensorFlow."""

    @pytest.fixture(autouse=True)
    def _tensorflow(self):
        pytest.importorskip("tensorflow")

    def test_a_network_of_ours(self):
        from tinygen.compress.export import quantize

        calibration = np.load(MODELS / "digits_calibration.npz")["x"]
        graph = quantize(load(FLOAT), calibration, "digits_separable")
        samples = np.load(MODELS / "digits_separable.npz")
        # The samples are stored as the committed int8 model takes them.
        stored = tflite.load(MODELS / "digits_separable.tflite").inputs[0].quant
        real = (samples["x"].astype(np.float32) - stored.zero_point) * np.float32(stored.scale)
        inputs = data.quantize(real, graph.inputs[0])
        output = graph.outputs[0]
        found = [reference.run(graph, [x[np.newaxis]])[output].argmax() for x in inputs]
        assert np.mean(found == samples["y"]) > 0.96

    def test_the_format_is_told_by_the_content(self, tmp_path):
        model = load(file_with(tmp_path, FLOAT.read_bytes(), "model.bin"))
        assert model.name == "digits_separable"

    def test_weights_that_are_not_finite(self, tmp_path):
        model = image(L.Conv2D(4, 3, name="first"))
        kernel, bias = model.get_layer("first").get_weights()
        kernel[0, 0, 0, 0] = np.nan
        model.get_layer("first").set_weights([kernel, bias])
        model.save(tmp_path / "nan.keras")
        with pytest.raises(
            ModelError, match="weight first/kernel holds values that are not finite"
        ):
            load(tmp_path / "nan.keras")

    def test_h5_files_of_keras_2(self, tmp_path):
        model = image(
            L.DepthwiseConv2D(3), L.SeparableConv2D(4, 3), L.BatchNormalization(), L.ReLU()
        )
        path = tmp_path / "old.h5"
        model.save(path)

        def age(config):
            for layer in config["config"]["layers"]:
                layer["config"]["groups"] = 1
                layer["config"]["kernel_initializer"] = {
                    "class_name": "VarianceScaling",
                    "config": {"dtype": "float32", "scale": 1.0, "mode": "fan_avg"},
                }
                if layer["class_name"] in ("BatchNormalization", "ReLU", "InputLayer"):
                    del layer["config"]["groups"]

        rewrite(path, age)
        same_values(load(path), model)

    def test_h5_files_of_keras_1(self, tmp_path):
        model = image(
            L.Conv2D(4, (3, 2), padding="same", activation="relu"),
            L.BatchNormalization(),
            L.Flatten(),
            L.Dropout(0.5),
            L.Dense(3, activation="softmax"),
        )
        path = tmp_path / "old.h5"
        model.save(path)
        names = {
            "padding": "border_mode",
            "units": "output_dim",
            "rate": "p",
            "filters": "nb_filter",
        }

        def age(config):
            layers = config["config"]["layers"]
            shape = layers.pop(0)["config"]["batch_shape"]
            for layer in layers:
                settings = layer["config"]
                layer["config"] = {names.get(k, k): v for k, v in settings.items() if k != "dtype"}
            first = layers[0]
            first["class_name"] = "Convolution2D"
            first["config"]["nb_row"], first["config"]["nb_col"] = first["config"].pop(
                "kernel_size"
            )
            first["config"]["dim_ordering"] = "tf"
            first["config"]["batch_input_shape"] = shape
            del first["config"]["data_format"]
            layers[1]["config"]["mode"] = 0
            config["config"] = layers

        rewrite(path, age)
        same_values(load(path), model)

    def test_damaged_files_get_one_sentence(self, tmp_path):
        whole = FLOAT.read_bytes()
        random = np.random.default_rng(0)
        path = tmp_path / "model.keras"
        messages = []
        for _ in range(60):
            content = bytearray(whole)
            for position in random.integers(0, len(whole), 3):
                content[position] ^= 1 << int(random.integers(8))
            path.write_bytes(content)
            try:
                load(path)
            except ModelError as error:
                messages.append(str(error))
        assert len(messages) > 40
        assert not any("\n" in message for message in messages)

    @pytest.mark.parametrize(
        ("name", "int8", "macs"),
        [
            ("ad01", "ad01_int8", 264_192),
            ("pretrainedResnet", "pretrainedResnet_quant", 12_501_632),
            ("vww_96", "vww_96_int8", 7_489_664),
        ],
    )
    @pytest.mark.reference
    @pytest.mark.skipif(not OFFICIAL, reason="TINYGEN_MODELS does not name the reference models")
    def test_reference_models_get_the_weights_of_the_reference(self, name, int8, macs):
        from tinygen.compress.export import quantize
        from tinygen.ops import operator

        folder = Path(OFFICIAL) / "models"
        model = load(folder / f"{name}.h5")
        samples = np.random.default_rng(0).uniform(0, 1, (4, *model.input_shape[1:]))
        ours = weights(quantize(model, samples, name))
        theirs = weights(tflite.load(folder / f"{int8}.tflite"))
        assert sum(operator(node.op).macs(node) for node in ours) == macs
        # Two convolutions of one shape may stand in another order beside a shortcut.
        for node in ours:
            kernel = node.input(1).constant
            equal = [
                np.mean(kernel == other.input(1).constant)
                for other in theirs
                if other.input(1).shape == kernel.shape
            ]
            assert max(equal) > 0.9999


def weights(graph):
    """The nodes with weights."""
    kinds = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
    return [node for node in graph.nodes if node.op in kinds]


def rewrite(path, change):
    """Change the description of the layers in an .h5 file."""
    import h5py

    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config)
        del file.attrs["model_config"]
        file.attrs["model_config"] = json.dumps(config)


def same_values(model, other):
    x = np.random.default_rng(0).uniform(-1, 1, (2, *other.input_shape[1:])).astype(np.float32)
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(model(x)), keras.ops.convert_to_numpy(other(x))
    )
