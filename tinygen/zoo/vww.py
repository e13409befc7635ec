"""MobileNetV1 at a quarter of its width: whether a person is in a 96x96 picture.

Howard et al.: "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
Applications" (2017), width multiplier 0.25.
"""

from __future__ import annotations

from typing import Any

from tinygen.compress.backend import keras
from tinygen.zoo.layers import classifier, convolution, separable

MACS = 7_489_664

_BLOCKS = (
    *((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)),
    *((128, 1),) * 5,
    *((256, 2), (256, 1)),
)
"""Channels and stride of the separable convolutions."""


def build() -> Any:
    """Input (96, 96, 3); a 3x3 convolution and thirteen separable ones, up to 256 channels."""
    image = keras().Input((96, 96, 3), name="image")
    x = convolution(image, "conv", 8, 3, stride=2)
    for index, (filters, stride) in enumerate(_BLOCKS):
        x = separable(x, f"block_{index + 1}", filters, stride)
    return keras().Model(image, classifier(x, 2), name="vww")
