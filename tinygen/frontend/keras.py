"""Keras models from ``.keras`` files and from old ``.h5`` files.

The files are untrusted. The description of the layers is read and judged before Keras sees the
file, so that nothing in it gets executed: no Lambda, no class of somebody else.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen.compress.backend import h5py, keras
from tinygen.compress.lowering import supported
from tinygen.errors import ModelError, UnsupportedError
from tinygen.frontend.keras_legacy import modernize

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONTAINERS = {"Functional", "Sequential"}
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_LARGEST_CONFIG = 16 << 20
_LARGEST_FILE = 1 << 30


def load(path: Path) -> Any:
    """The keras.Model in a ``.keras`` or ``.h5`` file, not compiled.

    The format is told by the content. Raises ModelError for a file that is damaged or no Keras
    model, or whose weights are not finite; UnsupportedError for layers that tinygen does not
    generate, with their names; ToolchainError without TensorFlow.
    """
    if path.is_dir():
        raise ModelError(
            f"{path} is a folder; load it where it was made and save it with model.save('x.keras')"
        )
    try:
        size = path.stat().st_size
        if size > _LARGEST_FILE:
            raise ModelError(
                f"{path} has {size} bytes, which no model for a microcontroller has; check the name"
            )
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"model {path} cannot be read ({error.strerror}); name a .keras or .h5 file"
        ) from None
    # Keras tells formats by the name, and loads the very bytes that have been judged.
    with tempfile.TemporaryDirectory() as folder:
        if content.startswith(_HDF5_SIGNATURE):
            copy = Path(folder) / "model.h5"
            copy.write_bytes(content)
            _renew_h5(copy, path)
        else:
            copy = Path(folder) / "model.keras"
            copy.write_bytes(content)
            _judge(_config_of_archive(content, path), path)
        model = _load(copy, path)
    _require_finite(model, path)
    return model


def _renew_h5(copy: Path, path: Path) -> None:
    """Judge the description in an .h5 file, and replace it by one that Keras 3 understands."""
    try:
        with h5py().File(copy, "r+") as file:
            text = file.attrs.get("model_config")
            if text is not None:
                config = modernize(_parsed(text, path))
                _judge(config, path)
                del file.attrs["model_config"]
                file.attrs["model_config"] = json.dumps(config)
    except (OSError, RuntimeError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ModelError(f"{path} is damaged ({_first_line(error)}); save it again") from None
    if text is None:
        raise ModelError(
            f"{path} holds weights without the layers they belong to; "
            "save the whole model with model.save('x.keras')"
        )


def _config_of_archive(content: bytes, path: Path) -> Any:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _LARGEST_FILE:
                raise ModelError(f"{path} unpacks to more than a gigabyte; check the file")
            if archive.getinfo("config.json").file_size > _LARGEST_CONFIG:
                raise ModelError(f"{path} describes its layers in more than 16 MB; check the file")
            return _parsed(archive.read("config.json"), path)
    except KeyError:
        raise ModelError(
            f"{path} is an archive without config.json and so no Keras model; "
            "save the model with model.save('x.keras')"
        ) from None
    except (
        OSError,
        EOFError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise ModelError(
            f"{path} is neither a .keras nor an .h5 file, or it is damaged "
            f"({_first_line(error)}); save the model with model.save('x.keras')"
        ) from None


def _parsed(text: str | bytes, path: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"{path}: the description of the layers is damaged ({_first_line(error)}); "
            "save it again"
        ) from None


def _judge(config: Any, path: Path) -> None:
    """Refuse descriptions of anything but supported layers of Keras itself."""
    try:
        layers = list(_layers(config))
        functions = any(value == "__lambda__" for value in _class_names(config))
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{path}: the description of the layers is damaged (no {_first_line(error)}); "
            "save it again"
        ) from None
    known = {*supported(), "InputLayer", *_CONTAINERS}
    for kind, name, foreign in layers:
        if kind not in known or foreign:
            what = "runs Python code of its own" if kind == "Lambda" else "has no int8 operator"
            raise UnsupportedError(
                f"{path}: layer {name!r} ({kind}) {what}; "
                f"replace it, supported are {', '.join(supported())}"
            )
    if functions:
        raise UnsupportedError(
            f"{path}: a layer runs a Python lambda; use functions and layers of Keras"
        )


def _layers(config: Any) -> Iterator[tuple[str, str, bool]]:
    """Class name and name of every layer, and whether its class is somebody else's."""
    kind, inner = config["class_name"], config["config"]
    home = str(config.get("module") or "keras")
    foreign = home.split(".")[0] != "keras" or config.get("registered_name") not in (None, kind)
    yield kind, str(inner.get("name")), foreign
    for layer in inner.get("layers", ()):
        yield from _layers(layer)


def _class_names(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield value.get("class_name")
        for item in value.values():
            yield from _class_names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _class_names(item)


def _load(copy: Path, path: Path) -> Any:
    module = keras()
    try:
        return module.models.load_model(copy, compile=False, safe_mode=True)
    except Exception as error:
        # Whatever a damaged file makes Keras raise, it is the file that is wrong.
        raise ModelError(
            f"{path} cannot be loaded ({_first_line(error)}); "
            f"save it again with Keras {module.__version__}"
        ) from error


def _require_finite(model: Any, path: Path) -> None:
    for weight in model.weights:
        if not np.isfinite(np.asarray(weight)).all():
            raise ModelError(
                f"{path}: weight {weight.path} holds values that are not finite; "
                "train the model again, with a lower learning rate"
            )


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
