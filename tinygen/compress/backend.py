"""TensorFlow and Keras, imported when first needed: plain tinygen works without them."""

from __future__ import annotations

import importlib
import os
from typing import Any

from tinygen.errors import ToolchainError


def tensorflow() -> Any:
    """The tensorflow module.

    Raises ToolchainError when the extra ``train`` is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    return _imported("tensorflow")


def keras() -> Any:
    """The keras module, running on TensorFlow.

    Raises ToolchainError when the extra ``train`` is not installed, or when Keras is set to
    another backend.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    tensorflow()
    module = _imported("keras")
    if module.config.backend() != "tensorflow":
        raise ToolchainError(
            f"Keras runs on {module.config.backend()}, and tinygen reads Keras models through "
            "TensorFlow; set the environment variable KERAS_BACKEND=tensorflow"
        )
    return module


def h5py() -> Any:
    """The h5py module.

    Raises ToolchainError when the extra ``train`` is not installed.
    """
    return _imported("h5py")


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ToolchainError(
            f"Keras models need {name}, which cannot be imported ({error}); "
            "install it with: pip install 'tinygen[train]'"
        ) from error
