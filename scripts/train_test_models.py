#!/usr/bin/env python3
"""Train the small networks under tests/models, on data that comes in packages.

    .venv/bin/python scripts/train_test_models.py [--out tests/models]

Needs the extras train and verify and the Debian package dataset-fashion-mnist. Seeds are fixed:
on one kind of processor every run writes the same bytes. The last lines are the accuracies that
tests/models/README.md states.
"""

import argparse
import io
import json
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "examples" / "fashion_mnist"))

import train as fashion_mnist  # noqa: E402

from tinygen import data, reference  # noqa: E402
from tinygen.compress import early_exit, training  # noqa: E402
from tinygen.compress.backend import keras  # noqa: E402
from tinygen.compress.dataset import Labelled  # noqa: E402
from tinygen.compress.export import quantize  # noqa: E402
from tinygen.tflite_format.writer import write  # noqa: E402
from tinygen.verify.batch import run_batch  # noqa: E402

SEED = 7
CALIBRATION = 300


def fashion_network():
    """Convolutions with and without padding, max pooling, two dense layers."""
    layers = keras().layers
    image = keras().Input((28, 28, 1), name="image")
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="conv_1")(image)
    x = layers.MaxPooling2D(name="pool_1")(x)
    x = layers.Conv2D(16, 3, activation="relu", name="conv_2")(x)
    x = layers.MaxPooling2D(name="pool_2")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(32, activation="relu", name="hidden")(x)
    x = layers.Dense(10, activation="softmax", name="classes")(x)
    return keras().Model(image, x, name="fashion_cnn")


def digits_network():
    """Depthwise separable convolutions with a residual sum and a concatenation."""
    layers = keras().layers

    def normalized(x, layer):
        x = layers.BatchNormalization(momentum=0.9, name=f"{layer.name}_norm")(layer(x))
        return layers.ReLU(max_value=6, name=f"{layer.name}_relu")(x)

    def separable(x, filters, name):
        depthwise = layers.DepthwiseConv2D(3, padding="same", name=f"{name}_depthwise")
        x = normalized(x, depthwise)
        return normalized(x, layers.Conv2D(filters, 1, name=f"{name}_pointwise"))

    image = keras().Input((8, 8, 1), name="image")
    x = normalized(image, layers.Conv2D(16, 3, padding="same", name="stem"))
    x = layers.Add(name="sum")([x, separable(x, 16, "block_1")])
    x = layers.MaxPooling2D(name="pool")(x)
    wide, narrow = separable(x, 16, "block_2"), normalized(x, layers.Conv2D(8, 1, name="side"))
    x = layers.Concatenate(name="join")([wide, narrow])
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dense(10, activation="softmax", name="classes")(x)
    return keras().Model(image, x, name="digits_separable")


def digits_autoencoder():
    """Dense layers around a bottleneck of 8."""
    layers = keras().layers
    pixels = keras().Input((64,), name="pixels")
    x = pixels
    for index, units in enumerate((48, 8, 48)):
        x = layers.Dense(units, activation="relu", name=f"hidden_{index}")(x)
    x = layers.Dense(64, name="reconstruction")(x)
    return keras().Model(pixels, x, name="digits_autoencoder")


def digits():
    """scikit-learn's digits in [0, 1], shuffled: 1,437 for training, 360 for tests."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(SEED).permutation(len(x))
    x, y = np.float32(x[order] / 16), y[order]
    return (x[:-360], y[:-360]), (x[-360:], y[-360:])


def fit(model, x, y, loss, epochs):
    """Train in place, the learning rate falling to zero along a cosine."""
    steps = epochs * -(-len(x) // 64)
    schedule = keras().optimizers.schedules.CosineDecay(5e-3, steps)
    model.compile(keras().optimizers.Adam(schedule), loss)
    model.fit(x, y, batch_size=64, epochs=epochs, verbose=2)


def export(model, out, x_train, x_test, y_test, samples):
    """Write <name>.tflite and <name>.npz; returns int8 values of the first output for all tests."""
    graph = quantize(model, x_train[:CALIBRATION], model.name)
    (out / f"{model.name}.tflite").write_bytes(write(graph))
    stored = data.quantize(x_test, graph.inputs[0])
    arrays = {"x": stored[:samples]}
    if y_test is not None:
        arrays["y"] = y_test[:samples].astype(np.uint8)
    np.savez_compressed(out / f"{model.name}.npz", **arrays)
    output = graph.outputs[0]
    values = [reference.run(graph, [x[np.newaxis]])[output][0] for x in stored]
    return np.stack(values), output.quant


def classifier(model, parts, out, epochs, samples):
    """Train, export, and print the accuracies of a classifier."""
    (x_train, y_train), (x_test, y_test) = parts
    fit(model, x_train, y_train, "sparse_categorical_crossentropy", epochs)
    stored, _ = export(model, out, x_train, x_test, y_test, samples)
    predicted = model.predict(x_test, verbose=0).argmax(1)
    correct = stored.argmax(1) == y_test
    return (
        f"{model.name}: float {np.mean(predicted == y_test):.4f}, int8 {correct.mean():.4f} "
        f"on {len(y_test)} test samples; {correct[:samples].sum()} of the {samples} in the file"
    )


def autoencoder(model, parts, out, epochs, samples):
    """Train, export, and print the errors of an autoencoder."""
    (x_train, _), (x_test, _) = parts
    fit(model, x_train, x_train, "mean_squared_error", epochs)
    stored, quantization = export(model, out, x_train, x_test, None, samples)
    real = (stored.astype(np.float32) - quantization.zero_point) * quantization.scale
    exact = model.predict(x_test, verbose=0)
    return (
        f"{model.name}: mean squared error float {np.mean((exact - x_test) ** 2):.5f}, "
        f"int8 {np.mean((real - x_test) ** 2):.5f} on {len(x_test)} test samples"
    )


def early_exit_network():
    """Four convolutions with an exit after the second."""
    layers = keras().layers
    image = keras().Input((8, 8, 1), name="image")
    x = image
    for name, filters in (("conv_1", 8), ("conv_2", 8), ("conv_3", 24), ("conv_4", 24)):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=name)(x)
        x = layers.MaxPooling2D(name="pool")(x) if name == "conv_1" else x
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(10, activation="softmax", name="classes")(x)
    network = keras().Model(image, x, name="digits_early_exit")
    head = [layers.Flatten(name="exit_flatten"), layers.Dense(10, "softmax", name="exit")]
    return early_exit.attach(network, "conv_2", keras().Sequential(head))


def early_exit_classifier(model, parts, out, epochs, samples):
    """Train both outputs, export, and print the threshold and what comes of it.

    The last 300 training samples choose the threshold and nothing else.
    """
    (x_train, y_train), (x_test, y_test) = parts
    plan = training.Plan(epochs, 4e-3, 64, SEED)
    known = Labelled(x_train[:-300], y_train[:-300])
    training.fit(model, known, plan, objective=early_exit.Joint())
    graph = quantize(model, x_train[:CALIBRATION], model.name)
    (out / f"{model.name}.tflite").write_bytes(write(graph))
    stored = data.quantize(x_test, graph.inputs[0])
    arrays = {"x": stored[:samples], "y": y_test[:samples].astype(np.uint8)}
    np.savez_compressed(out / f"{model.name}.npz", **arrays)

    def probabilities(x):
        outputs = run_batch(graph, [data.quantize(x, graph.inputs[0])])
        return [(output.astype(float) + 128) / 256 for output in outputs]

    choice = early_exit.choose(*probabilities(x_train[-300:]), y_train[-300:], 0.005)
    leaves, final = probabilities(x_test)
    early = leaves.max(axis=1) >= choice.threshold
    answers = np.where(early, leaves.argmax(1), final.argmax(1))
    return (
        f"{model.name}: int8 without the exit {np.mean(final.argmax(1) == y_test):.4f}, at the "
        f"exit alone {np.mean(leaves.argmax(1) == y_test):.4f}, with threshold {choice.threshold} "
        f"{np.mean(answers == y_test):.4f} on {len(y_test)} test samples, {early.mean():.4f} of "
        f"which end there; {early[:samples].sum()} of the {samples} in the file, of which "
        f"{np.sum((answers == y_test)[:samples])} are right"
    )


def save_float(model, path):
    """Save as .keras without what differs from run to run: dates, object numbers, the optimizer."""
    bare = keras().models.clone_model(model)
    bare.set_weights(model.get_weights())
    with tempfile.TemporaryDirectory() as folder:
        bare.save(Path(folder) / "model.keras")
        with zipfile.ZipFile(Path(folder) / "model.keras") as archive:
            entries = {name: archive.read(name) for name in sorted(archive.namelist())}
    entries["config.json"] = json.dumps(
        _without_numbers(json.loads(entries["config.json"]))
    ).encode()
    metadata = json.loads(entries["metadata.json"]) | {"date_saved": "1980-01-01@00:00:00"}
    entries["metadata.json"] = json.dumps(metadata).encode()
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, entry in entries.items():
            archive.writestr(zipfile.ZipInfo(name), entry, zipfile.ZIP_DEFLATED)
    path.write_bytes(content.getvalue())


def _without_numbers(value):
    if isinstance(value, dict):
        return {k: _without_numbers(v) for k, v in value.items() if k != "shared_object_id"}
    return [_without_numbers(item) for item in value] if isinstance(value, list) else value


def main():
    """Train all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "tests" / "models")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    results = []
    keras().utils.set_random_seed(SEED)
    results.append(classifier(fashion_network(), fashion_mnist.load(), out, epochs=3, samples=100))

    keras().utils.set_random_seed(SEED)
    train, test = digits()
    images = tuple((x.reshape(-1, 8, 8, 1), y) for x, y in (train, test))
    network = digits_network()
    results.append(classifier(network, images, out, epochs=30, samples=200))
    save_float(network, out / "digits_separable.keras")
    np.savez_compressed(out / "digits_calibration.npz", x=images[0][0][:50])

    keras().utils.set_random_seed(SEED)
    results.append(autoencoder(digits_autoencoder(), (train, test), out, epochs=40, samples=100))

    keras().utils.set_random_seed(SEED)
    results.append(early_exit_classifier(early_exit_network(), images, out, 25, samples=200))
    print(*results, sep="\n")


if __name__ == "__main__":
    main()
