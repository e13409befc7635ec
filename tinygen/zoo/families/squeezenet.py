"""SqueezeNet: fire modules, which squeeze channels before they expand them again.

Iandola et al.: "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model
size" (2016).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygen.compress.backend import keras
from tinygen.zoo.families.size import halving, stem_stride
from tinygen.zoo.layers import convolution

if TYPE_CHECKING:
    from tinygen.zoo.families.size import Size


def features(image: Any, size: Size) -> Any:
    """Stages of fire modules with maximum pooling between them."""
    x = convolution(image, "stem", size.channels(16), 3, stem_stride(image))
    for name, channels, first in size.blocks():
        if halving(x, first) == 2:
            x = keras().layers.MaxPooling2D(3, 2, padding="same", name=f"{name}_pool")(x)
        squeezed, expanded = size.channels(channels / 4), size.channels(channels / 2)
        x = _fire(x, name, squeezed, expanded, size.kernel)
    return x


def _fire(x: Any, name: str, squeezed: int, expanded: int, size: int) -> Any:
    """1x1 to ``squeezed`` channels; from there 1x1 and size x size to ``expanded`` each, joined."""
    x = convolution(x, f"{name}_squeeze", squeezed, 1)
    sides = [
        convolution(x, f"{name}_expand_points", expanded, 1),
        convolution(x, f"{name}_expand_windows", expanded, size),
    ]
    return keras().layers.Concatenate(name=f"{name}_join")(sides)
