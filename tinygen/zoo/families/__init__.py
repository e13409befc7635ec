"""Families of networks whose width, depth and kernel size can be chosen, one file each.

What a search for architectures draws from. All families share a frame, so that width 1 and depth 1
mean about the same in each: a first convolution, stages of blocks that halve the picture while it
is large enough, a mean over all positions, one dense layer. A file ``<name>.py`` defines
``features(image, size)``, everything between the picture and the mean.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tinygen.compress.backend import keras
from tinygen.errors import ConfigError
from tinygen.zoo.families.size import Size
from tinygen.zoo.layers import classifier

if TYPE_CHECKING:
    from types import ModuleType

_SHARED = {"size"}


@dataclass(frozen=True)
class Architecture:
    """One network of a family: ``width`` times its channels, ``depth`` blocks in every stage.

    ``kernel`` is the window of its spatial convolutions, an odd number.
    """

    family: str
    width: float = 1.0
    depth: int = 1
    kernel: int = 3

    @property
    def name(self) -> str:
        """A name that tells networks apart, and can be one of a Keras model."""
        width = f"{self.width:g}".replace(".", "_")
        return f"{self.family}_w{width}_d{self.depth}_k{self.kernel}"


def names() -> tuple[str, ...]:
    """Names of all families, in alphabetical order."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in found if name not in _SHARED))


def build(
    architecture: Architecture, input_shape: tuple[int, ...], classes: int, seed: int = 0
) -> Any:
    """The network as a keras.Model from samples of ``input_shape`` to class probabilities.

    Samples are pictures (rows, columns, channels) or sequences (steps, values), which are taken as
    pictures of one channel. Weights are drawn from ``seed``. Raises ConfigError for an unknown
    family, for sizes that make no network, and for samples of another kind.
    """
    module = _module(architecture.family)
    if len(input_shape) not in (2, 3):
        raise ConfigError(
            f"family {architecture.family!r} is made for pictures, and the samples have shape "
            f"{input_shape}; give them the shape (rows, columns, channels)"
        )
    size = Size(architecture.width, architecture.depth, architecture.kernel)
    keras().utils.set_random_seed(seed)
    image = keras().Input(input_shape, name="image")
    x = image
    if len(input_shape) == 2:
        x = keras().layers.Reshape((*input_shape, 1), name="picture")(x)
    x = classifier(module.features(x, size), classes)
    return keras().Model(image, x, name=architecture.name)


def _module(family: str) -> ModuleType:
    if family not in names():
        raise ConfigError(
            f"there is no family {family!r} in the zoo; use one of {', '.join(names())}"
        )
    return importlib.import_module(f"{__name__}.{family}")
