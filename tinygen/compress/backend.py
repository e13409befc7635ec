"""TensorFlow and Keras, imported when first needed: plain tinygen works without them."""

from __future__ import annotations

import importlib
import os
import re
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tinygen.errors import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHATTER = re.compile(
    rb"WARNING: All log messages before absl::Init|I0000 |To enable the following"
)


def tensorflow() -> Any:
    """The tensorflow module.

    Raises ToolchainError when the extra ``train`` is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if (loaded := sys.modules.get("tensorflow")) is not None:
        return loaded
    with _without_chatter():
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


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Keep back what TensorFlow prints on import for information, whatever its log level.

    Of environment variables, only TF_ENABLE_ONEDNN_OPTS=0 would do it, which makes training slower
    by half. Everything else on standard error is printed once the import has ended.
    """
    try:
        stream = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    with tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stream, 2)
            os.close(stream)
            held.seek(0)
            for line in held:
                if not _CHATTER.match(line):
                    os.write(2, line)
