"""ResNet8: ten classes of 32x32 pictures.

He, Zhang, Ren, Sun: "Deep Residual Learning for Image Recognition" (2015), the variant for
CIFAR-10 with one block per stage.
"""

from __future__ import annotations

from typing import Any

from tinygen.compress.backend import keras
from tinygen.zoo.layers import classifier, convolution, residual

MACS = 12_501_632


def build() -> Any:
    """Input (32, 32, 3); three residual blocks of 16, 32 and 64 channels."""
    image = keras().Input((32, 32, 3), name="image")
    x = convolution(image, "conv", 16, 3)
    for index, (filters, stride) in enumerate(((16, 1), (32, 2), (64, 2))):
        x = residual(x, f"block_{index + 1}", filters, stride)
    return keras().Model(image, classifier(x, 10), name="ic")
