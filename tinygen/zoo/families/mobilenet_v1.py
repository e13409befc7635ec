"""MobileNetV1: separable convolutions, more channels where the picture is smaller.

Howard et al.: "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
Applications" (2017).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygen.zoo.families.size import halving, stem_stride
from tinygen.zoo.layers import convolution, separable

if TYPE_CHECKING:
    from tinygen.zoo.families.size import Size


def features(image: Any, size: Size) -> Any:
    """Stages of separable convolutions."""
    x = convolution(image, "stem", size.channels(8), 3, stem_stride(image))
    for name, channels, first in size.blocks():
        x = separable(x, name, size.channels(channels), halving(x, first), size.kernel)
    return x
