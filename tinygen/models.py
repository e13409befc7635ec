"""Model files of every kind that tinygen takes, as the int8 .tflite they are or become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen import data
from tinygen.errors import ConfigError
from tinygen.frontend import tflite
from tinygen.tflite_format.writer import write

if TYPE_CHECKING:
    from pathlib import Path

    from tinygen.ir import Graph

KERAS = (".keras", ".h5", ".hdf5")


@dataclass(frozen=True, eq=False)
class Model:
    """An int8 model: the bytes of its .tflite file, and the graph that was read from them."""

    data: bytes
    graph: Graph


def load(path: Path, calibration: Path | None = None) -> Model:
    """Read a .tflite file, or quantize a Keras model with calibration data.

    Raises ModelError for a damaged file, UnsupportedError for what tinygen does not compile,
    ConfigError when calibration data is missing, or given for a model that is quantized already.
    """
    if path.suffix.lower() in KERAS:
        if calibration is None:
            raise ConfigError(
                f"{path} is not quantized yet, and that needs samples to calibrate with; "
                "name some with --calibration FILE.npz"
            )
        content = _quantized(path, calibration)
        return Model(content, tflite.read(content, path.stem))
    if calibration is not None:
        raise ConfigError(
            f"{path} is quantized already and needs no calibration data; leave --calibration out"
        )
    content = tflite.read_file(path)
    return Model(content, tflite.read(content, path.stem))


def _quantized(path: Path, calibration: Path) -> bytes:
    """A Keras model after post-training quantization, as the bytes of a .tflite file."""
    # Here, not at the top: these bring in TensorFlow, which a .tflite file does not need.
    from tinygen.compress.export import quantize
    from tinygen.frontend import keras

    arrays = data.arrays(calibration)
    samples = [arrays[name] for name in data.input_names(arrays)]
    return write(quantize(keras.load(path), samples, path.stem))
