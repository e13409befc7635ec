"""Model files of every kind that tinygen takes, as the int8 .tflite they are or become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen.errors import ConfigError
from tinygen.frontend import tflite

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
        from tinygen.frontend import keras

        data = keras.quantize_file(path, calibration)
        return Model(data, tflite.read(data, path.stem))
    if calibration is not None:
        raise ConfigError(
            f"{path} is quantized already and needs no calibration data; leave --calibration out"
        )
    data = tflite.read_file(path)
    return Model(data, tflite.read(data, path.stem))
