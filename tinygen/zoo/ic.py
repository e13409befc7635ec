"""ResNet8: ten classes of 32x32 pictures.

He, Zhang, Ren, Sun: "Deep Residual Learning for Image Recognition" (2015), the variant for
CIFAR-10 with one block per stage.
"""

from __future__ import annotations

from typing import Any

from tinygen.compress.backend import keras
from tinygen.zoo.layers import classifier, convolution

MACS = 12_501_632


def build() -> Any:
    """Input (32, 32, 3); three residual blocks of 16, 32 and 64 channels."""
    image = keras().Input((32, 32, 3), name="image")
    x = convolution(image, "conv", 16, 3)
    for index, (filters, stride) in enumerate(((16, 1), (32, 2), (64, 2))):
        x = _block(x, f"block_{index + 1}", filters, stride)
    return keras().Model(image, classifier(x, 10), name="ic")


def _block(x: Any, name: str, filters: int, stride: int) -> Any:
    """Two 3x3 convolutions beside a way around them, which is 1x1 where the shape changes."""
    layers = keras().layers
    y = convolution(x, f"{name}_conv_1", filters, 3, stride)
    y = convolution(y, f"{name}_conv_2", filters, 3, activation=False)
    if stride != 1:
        x = layers.Conv2D(filters, 1, strides=stride, padding="same", name=f"{name}_around")(x)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, y]))
