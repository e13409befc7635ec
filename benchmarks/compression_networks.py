"""Data and networks of benchmarks/compression.py: small enough to be trained on one core.

Fashion-MNIST comes from the Debian package dataset-fashion-mnist (or from Keras), digits from
scikit-learn, Japanese Vowels (UCI, CC BY 4.0: nine speakers, 12 cepstral coefficients) from aeon's
wheel, which pip downloads at a pinned hash.
"""

import gzip
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinygen.compress import dataset

FASHION = Path("/usr/share/datasets/fashion-mnist")
AEON = "aeon==1.6.0 --hash=sha256:d05227086706f80111ac5fee8de4d5d3115bb3bcfd1c786c8629393055816409"
FRAMES = 29


@dataclass(frozen=True)
class Workload:
    """A network, its data, and how long it is trained; epochs of fine-tuning follow from that."""

    title: str
    data: object
    build: object
    epochs: int
    learning_rate: float
    batch: int
    tuning: int
    """Epochs of one fine-tuning."""
    qat_rate: float
    augment: tuple[str, ...] = ()


def fashion(cache):
    """All of Fashion-MNIST: 60,000 images to train with, 10,000 to test."""
    if FASHION.is_dir():
        parts = {}
        for name, part in (("train", "train"), ("test", "t10k")):
            images = gzip.decompress((FASHION / f"{part}-images-idx3-ubyte.gz").read_bytes())
            labels = gzip.decompress((FASHION / f"{part}-labels-idx1-ubyte.gz").read_bytes())
            parts[f"x_{name}"] = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28)
            parts[f"y_{name}"] = np.frombuffer(labels, np.uint8, offset=8)
    else:
        import keras

        (x, y), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
        parts = {"x_train": x, "y_train": y, "x_test": x_test, "y_test": y_test}
    for name in ("x_train", "x_test"):
        parts[name] = parts[name].astype(np.float32) / 255
    return dataset.make(parts, "Fashion-MNIST")


def digits(cache):
    """scikit-learn's digits, half of them held back for the test."""
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    parts = {}
    for name, part in zip(("train", "test"), np.array_split(order, 2), strict=True):
        parts[f"x_{name}"] = np.float32(found.images[part]) / 16
        parts[f"y_{name}"] = found.target[part]
    return dataset.make(parts, "digits")


def vowels(cache):
    """Japanese Vowels: 270 utterances to train with, 370 to test; short ones end in zeros."""
    folder = cache / "aeon"
    if not list(folder.glob("*.whl")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "requirements.txt").write_text(AEON + "\n")
        options = ("--no-deps", "--require-hashes", "--only-binary=:all:")
        command = ["pip", "download", *options, "-r", folder / "requirements.txt", "-d", folder]
        subprocess.run(command, check=True, stdout=sys.stderr)
    (wheel,) = folder.glob("*.whl")
    parts = {}
    with zipfile.ZipFile(wheel) as archive:
        for part in ("train", "test"):
            name = f"aeon/datasets/data/JapaneseVowels/JapaneseVowels_{part.upper()}.ts"
            lines = archive.read(name).decode().split("@data\n")[1].splitlines()
            parts[f"x_{part}"] = np.stack([_utterance(line) for line in lines])
            parts[f"y_{part}"] = np.array([int(line.rsplit(":", 1)[1]) - 1 for line in lines])
    said = parts["x_train"][parts["x_train"].any(axis=2)]
    for name in ("x_train", "x_test"):
        inside = parts[name].any(axis=2, keepdims=True)
        parts[name] = np.where(inside, (parts[name] - said.mean(0)) / said.std(0), 0)
    return dataset.make(parts, "Japanese Vowels")


def _utterance(line):
    """(29, 12) coefficients of one line: dimensions by colons, frames by commas, the class last."""
    rows = np.array([row.split(",") for row in line.split(":")[:-1]], np.float32).T
    return np.pad(rows, ((0, FRAMES - len(rows)), (0, 0)))


def normalized(x, layer, relu=True):
    """A layer without bias, batch normalization that follows quickly, and ReLU."""
    from keras import layers

    x = layers.BatchNormalization(momentum=0.9)(layer(x))
    return layers.ReLU()(x) if relu else x


def convolution(x, filters, size, stride=1, relu=True):
    """A normalized SAME convolution."""
    from keras import layers

    layer = layers.Conv2D(filters, size, strides=stride, padding="same", use_bias=False)
    return normalized(x, layer, relu)


def classified(inputs, x, classes, name):
    """A model that averages over all positions and classifies."""
    import keras
    from keras import layers

    pool = layers.GlobalAveragePooling1D if len(x.shape) == 3 else layers.GlobalAveragePooling2D
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(pool()(x)), name=name)


def resnet8():
    """ResNet8 with a strided first convolution and 12, 24 and 48 channels."""
    import keras
    from keras import layers

    image = keras.Input((28, 28, 1))
    x = convolution(image, 12, 3, 2)
    for filters, stride in ((12, 1), (24, 2), (48, 2)):
        y = convolution(convolution(x, filters, 3, stride), filters, 3, relu=False)
        if stride > 1:
            x = layers.Conv2D(filters, 1, strides=stride, padding="same")(x)
        x = layers.ReLU()(layers.Add()([x, y]))
    return classified(image, x, 10, "resnet8")


def dscnn():
    """DS-CNN with four separable blocks of 32 and 64 channels."""
    import keras
    from keras import layers

    image = keras.Input((28, 28, 1))
    x = convolution(image, 32, 4, 2)
    for filters, stride in ((32, 1), (64, 2), (64, 1), (64, 1)):
        depthwise = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)
        x = convolution(normalized(x, depthwise), filters, 1)
    return classified(image, x, 10, "dscnn")


def digits_cnn():
    """Three convolutions of 16, 24 and 32 channels."""
    import keras

    image = keras.Input((8, 8, 1))
    x = convolution(image, 16, 3)
    x = convolution(x, 24, 3, 2)
    return classified(image, convolution(x, 32, 3), 10, "digits_cnn")


def vowels_cnn():
    """Three convolutions over time of 32, 32 and 48 channels."""
    import keras
    from keras import layers

    x = frames = keras.Input((FRAMES, 12))
    for filters, size, stride in ((32, 5, 1), (32, 3, 2), (48, 3, 1)):
        layer = layers.Conv1D(filters, size, strides=stride, padding="same", use_bias=False)
        x = normalized(x, layer)
    return classified(frames, x, 9, "vowels_cnn")


WORKLOADS = {
    "fashion-resnet8": Workload(
        "Fashion-MNIST, ResNet8-like", fashion, resnet8, 5, 4e-3, 128, 2, 1e-3
    ),
    "fashion-dscnn": Workload("Fashion-MNIST, DS-CNN-like", fashion, dscnn, 6, 6e-3, 128, 2, 1e-3),
    "digits-cnn": Workload("digits, CNN", digits, digits_cnn, 60, 4e-3, 32, 20, 5e-4, ("shift",)),
    "vowels-cnn": Workload(
        "Japanese Vowels, CNN over time",
        vowels,
        vowels_cnn,
        100,
        3e-3,
        32,
        30,
        5e-4,
        ("shift", "noise"),
    ),
}
