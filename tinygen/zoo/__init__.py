"""The networks of MLPerf Tiny as Keras definitions, one file each, found by their folder.

Written from the published architectures, untrained: layer shapes and MAC counts are those of the
reference models, so that sizes and instruction counts can be reproduced without downloading them.
A file ``<name>.py`` defines ``build() -> keras.Model`` and ``MACS``. Networks of any size are in
:mod:`tinygen.zoo.families`.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen.compress.backend import keras
from tinygen.compress.export import quantize
from tinygen.errors import InputError

if TYPE_CHECKING:
    from types import ModuleType

    from tinygen.ir import Array, Graph

_SHARED = {"families", "layers"}
_SAMPLES = 16


def names() -> tuple[str, ...]:
    """Names of all networks, in alphabetical order."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in found if name not in _SHARED))


def macs(name: str) -> int:
    """Multiply-accumulate operations of one inference of the reference model."""
    return int(_module(name).MACS)


def build(name: str, seed: int = 0) -> Any:
    """The network as a keras.Model, its weights drawn from ``seed``.

    Raises InputError for an unknown name, ToolchainError without TensorFlow.
    """
    module = _module(name)
    keras().utils.set_random_seed(seed)
    return module.build()


def int8(name: str, seed: int = 0) -> Graph:
    """The network of :func:`build`, quantized on random inputs: right in shape, not in accuracy."""
    return untrained_int8(build(name, seed), name, seed)


def untrained_int8(model: Any, name: str, seed: int = 0) -> Graph:
    """A keras.Model that nobody has trained, settled and quantized on random inputs."""
    shape = (_SAMPLES, *model.input_shape[1:])
    inputs = np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)
    settle(model, inputs)
    return quantize(model, inputs, name)


def settle(model: Any, inputs: Array) -> None:
    """Set the statistics of every batch normalization to those of ``inputs``.

    Without training, values would fade from layer to layer until there is nothing to quantize.
    """
    normalizing = keras().layers.BatchNormalization
    layers = [layer for layer in model.layers if isinstance(layer, normalizing)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0
    model(inputs, training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def _module(name: str) -> ModuleType:
    if name not in names():
        raise InputError(
            f"there is no network {name!r} in the zoo; use one of {', '.join(names())}"
        )
    return importlib.import_module(f"{__name__}.{name}")
