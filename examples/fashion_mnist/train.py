"""Train a small convolutional network on Fashion-MNIST, and save what tinygen needs of it.

python train.py --out DIR writes

    model.keras        the trained network: float32 images (28, 28, 1) in [0, 1], 10 classes
    calibration.npz    x: 500 training images, on which the ranges for int8 are measured
    test.npz           x, y: the first 1,000 test images and their classes

The same seed on the same kind of processor gives the same network.
"""

import argparse
import gzip
import os
import sys
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
DATASET = Path("/usr/share/datasets/fashion-mnist")  # Debian package dataset-fashion-mnist
SEED = 1
EPOCHS = 4
BATCH = 128


def images(path):
    """Images of an IDX file (16 bytes of header), scaled to [0, 1]."""
    data = np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=16)
    return data.reshape(-1, 28, 28, 1).astype(np.float32) / 255


def labels(path):
    """Classes of an IDX file (8 bytes of header)."""
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=8).astype(np.int64)


def load():
    """(x_train, y_train), (x_test, y_test); downloaded where the Debian package is missing."""
    if DATASET.is_dir():
        return tuple(
            (
                images(DATASET / f"{part}-images-idx3-ubyte.gz"),
                labels(DATASET / f"{part}-labels-idx1-ubyte.gz"),
            )
            for part in ("train", "t10k")
        )
    import keras

    try:
        parts = keras.datasets.fashion_mnist.load_data()
    except Exception as error:
        sys.exit(
            f"Fashion-MNIST is neither in {DATASET} nor can it be downloaded ({error}); "
            "install it with: apt install dataset-fashion-mnist"
        )
    return tuple((np.float32(x[..., np.newaxis]) / 255, y.astype(np.int64)) for x, y in parts)


def network():
    """Four convolutions: 33,040 weights, 1.68 million multiplications."""
    import keras
    from keras import layers

    def convolution(x, filters, stride):
        x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
        # A short training needs statistics that follow quickly.
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))

    image = keras.Input((28, 28, 1), name="image")
    x = convolution(image, 16, 2)
    x = convolution(x, 32, 1)
    x = convolution(x, 32, 2)
    x = convolution(x, 64, 2)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(10, activation="softmax")(x), name="fashion_mnist")


def train(model, x, y, epochs=EPOCHS):
    """Train in place, the learning rate falling to zero along a cosine."""
    import keras

    steps = epochs * -(-len(x) // BATCH)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, steps)),
        keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=2)


def main():
    """Train, measure, save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the three files")
    out = parser.parse_args().out

    import keras

    keras.utils.set_random_seed(SEED)

    (x_train, y_train), (x_test, y_test) = load()
    model = network()
    train(model, x_train, y_train)
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"float accuracy on all {len(x_test)} test images: {accuracy:.4f}")

    out.mkdir(parents=True, exist_ok=True)
    model.save(out / "model.keras")
    np.savez_compressed(out / "calibration.npz", x=x_train[:500])
    np.savez_compressed(out / "test.npz", x=x_test[:1000], y=y_test[:1000])


if __name__ == "__main__":
    main()
