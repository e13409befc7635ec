"""ShuffleNetV2: half of the channels pass a unit as they are; a shuffle mixes the halves.

Ma, Zhang, Zheng, Sun: "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design"
(2018). Of the two versions it is the one without grouped convolutions, which have no int8 operator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygen.compress.backend import keras
from tinygen.zoo.families.size import halving, stem_stride
from tinygen.zoo.layers import convolution, depthwise

if TYPE_CHECKING:
    from tinygen.zoo.families.size import Size


def features(image: Any, size: Size) -> Any:
    """Stages of units; the first of a stage takes all channels in both of its branches."""
    x = convolution(image, "stem", size.channels(16), 3, stem_stride(image))
    for name, channels, first in size.blocks():
        # Both halves are to suit the kernels.
        half = size.channels(channels / 2)
        x = _unit(x, name, half, halving(x, first), size.kernel)
    return x


def _unit(x: Any, name: str, half: int, stride: int, size: int) -> Any:
    if stride == 1 and x.shape[-1] == 2 * half:
        kept, taken = _halves(x, name)
    else:
        kept = depthwise(x, f"{name}_kept_depthwise", size, stride, activation=False)
        kept = convolution(kept, f"{name}_kept_pointwise", half, 1)
        taken = x
    y = convolution(taken, f"{name}_in", half, 1)
    y = depthwise(y, f"{name}_depthwise", size, stride, activation=False)
    y = convolution(y, f"{name}_out", half, 1)
    return _shuffled(keras().layers.Concatenate(name=f"{name}_join")([kept, y]), name)


def _halves(x: Any, name: str) -> list[Any]:
    """The first and the second half of the channels.

    Keras' layers crop rows and columns only, so channels become columns for a while; that moves
    nothing in memory.
    """
    layers = keras().layers
    _, height, width, channels = x.shape
    half = channels // 2
    flat = layers.Reshape((height * width, channels, 1), name=f"{name}_columns")(x)
    parts = []
    for side, margins in (("kept", (0, half)), ("taken", (half, 0))):
        part = layers.Cropping2D(((0, 0), margins), name=f"{name}_{side}")(flat)
        parts.append(layers.Reshape((height, width, half), name=f"{name}_{side}_channels")(part))
    return parts


def _shuffled(x: Any, name: str) -> Any:
    """Channels of the two halves in turn: 0, n/2, 1, n/2 + 1, ..."""
    layers = keras().layers
    _, height, width, channels = x.shape
    x = layers.Reshape((height * width, 2, channels // 2), name=f"{name}_pairs")(x)
    x = layers.Permute((1, 3, 2), name=f"{name}_shuffle")(x)
    return layers.Reshape((height, width, channels), name=f"{name}_shuffled")(x)
