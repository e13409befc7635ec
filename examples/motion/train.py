"""Train a small network that tells three motions apart, and save what tinygen needs of it.

python train.py --out DIR writes

    model.keras        the trained network: windows of 64 frames of three normalized accelerations
    calibration.npz    x: normalized training windows, on which the ranges for int8 are measured
    tinygen.toml       settings for a build, with what the device must do to raw values
    recording.raw      a recording as the sensor gives it: frames of three int16, no header

The recordings are made up here: resting, walking and shaking, as an accelerometer of +-4 g with 16
bits would see them, in any position. They stand for recordings of your own.
"""

import argparse
import os
from pathlib import Path

import numpy as np

from tinygen.preprocess.samples import normalization, windows

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
SEED = 1
MOTIONS = ("resting", "walking", "shaking")
RATE_HZ = 50
LENGTH, HOP = 64, 32
COUNTS_PER_G = 8192


def recording(motion, seconds, rng):
    """int16 (frames, 3): gravity in some direction, and what the motion adds along another."""
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    gravity, along = rng.normal(0, 1, (2, 3))
    gravity /= np.linalg.norm(gravity)
    along /= np.linalg.norm(along)
    strength, hertz = {
        "resting": (0.0, 1.0),
        "walking": (rng.uniform(0.2, 0.5), rng.uniform(1.5, 2.3)),
        "shaking": (rng.uniform(0.8, 2.0), rng.uniform(4, 7)),
    }[motion]
    swing = strength * np.sin(2 * np.pi * (hertz * time + rng.uniform()))
    g = gravity + swing[:, np.newaxis] * along + rng.normal(0, 0.02, (len(time), 3))
    return np.clip(np.round(g * COUNTS_PER_G), -(1 << 15), (1 << 15) - 1).astype(np.int16)


def dataset(recordings, rng):
    """Raw windows, int16 (windows, 64, 3), and their classes."""
    raw, classes = [], []
    for number in range(recordings):
        motion = number % len(MOTIONS)
        cut = windows(recording(MOTIONS[motion], 6, rng), LENGTH, HOP)
        raw.append(cut)
        classes += [motion] * len(cut)
    return np.concatenate(raw), np.array(classes)


def network():
    """Two convolutions over time."""
    import keras
    from keras import layers

    x = series = keras.Input((LENGTH, 3), name="accelerations")
    x = layers.Conv1D(8, 5, strides=2, activation="relu")(x)
    x = layers.Conv1D(16, 5, strides=2, activation="relu")(x)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(series, layers.Dense(len(MOTIONS), activation="softmax")(x), name="motion")


def main():
    """Train, measure, save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the four files")
    out = parser.parse_args().out

    import keras

    keras.utils.set_random_seed(SEED)
    rng = np.random.default_rng(SEED)
    raw, classes = dataset(180, rng)
    test_raw, test_classes = dataset(45, rng)
    normal = normalization(raw)
    model = network()
    model.compile(
        keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(normal.real(raw), classes, epochs=15, batch_size=32, verbose=0)
    _, accuracy = model.evaluate(normal.real(test_raw), test_classes, verbose=0)
    print(f"float accuracy on {len(test_classes)} windows of other recordings: {accuracy:.4f}")

    out.mkdir(parents=True, exist_ok=True)
    model.save(out / "model.keras")
    np.savez_compressed(out / "calibration.npz", x=normal.real(raw[:300]))
    settings = normal.toml("int16") + f"window = {LENGTH}\nhop = {HOP}\n"
    (out / "tinygen.toml").write_text(
        '[project]\nname = "motion"\n\n'
        '[model]\npath = "model.keras"\ncalibration = "calibration.npz"\n\n' + settings
    )
    frames = np.concatenate([recording(motion, 8, rng) for motion in MOTIONS])
    (out / "recording.raw").write_bytes(frames.tobytes())


if __name__ == "__main__":
    main()
