"""MobileNetV2: inverted residuals, wide inside and narrow where they are added.

Sandler et al.: "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (2018).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygen.compress.backend import keras
from tinygen.zoo.families.size import halving, stem_stride
from tinygen.zoo.layers import convolution, depthwise

if TYPE_CHECKING:
    from tinygen.zoo.families.size import Size

CEILING = 6.0
"""ReLU6: ranges that are known before anything is quantized."""
_EXPANSION = 6
_STAGES = (8, 12, 24)


def features(image: Any, size: Size) -> Any:
    """Stages of inverted residuals, and a wide 1x1 convolution at the end."""
    x = convolution(image, "stem", size.channels(8), 3, stem_stride(image), ceiling=CEILING)
    for name, channels, first in size.blocks(_STAGES):
        stride = halving(x, first)
        x = inverted_residual(x, name, size.channels(channels), stride, size.kernel, _EXPANSION)
    return convolution(x, "head", size.channels(96), 1, ceiling=CEILING)


def inverted_residual(
    x: Any, name: str, filters: int, stride: int, size: int, expansion: int
) -> Any:
    """Expand by 1x1, depthwise, project by 1x1 without activation; added where shapes agree."""
    y = x
    if expansion != 1:
        y = convolution(y, f"{name}_expand", expansion * x.shape[-1], 1, ceiling=CEILING)
    y = depthwise(y, f"{name}_depthwise", size, stride, ceiling=CEILING)
    y = convolution(y, f"{name}_project", filters, 1, activation=False)
    if stride != 1 or x.shape[-1] != filters:
        return y
    return keras().layers.Add(name=f"{name}_add")([x, y])
