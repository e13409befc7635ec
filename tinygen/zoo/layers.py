"""What the networks are made of. Every layer has a name of its own, so that builds are equal."""

from __future__ import annotations

from typing import Any

from tinygen.compress.backend import keras


def normalized(x: Any, layer: Any, activation: bool = True) -> Any:
    """``layer``, batch normalization, and ReLU."""
    layers = keras().layers
    x = layers.BatchNormalization(name=f"{layer.name}_norm")(layer(x))
    return layers.ReLU(name=f"{layer.name}_relu")(x) if activation else x


def convolution(
    x: Any, name: str, filters: int, size: Any, stride: int = 1, activation: bool = True
) -> Any:
    """A normalized SAME convolution."""
    layer = keras().layers.Conv2D(filters, size, strides=stride, padding="same", name=name)
    return normalized(x, layer, activation)


def separable(x: Any, name: str, filters: int, stride: int = 1) -> Any:
    """A normalized depthwise 3x3 and a normalized 1x1 convolution."""
    depthwise = keras().layers.DepthwiseConv2D(
        3, strides=stride, padding="same", name=f"{name}_depthwise"
    )
    return convolution(normalized(x, depthwise), f"{name}_pointwise", filters, 1)


def classifier(x: Any, classes: int) -> Any:
    """Class probabilities from an image, averaged over all its positions."""
    layers = keras().layers
    x = layers.AveragePooling2D(tuple(x.shape[1:3]), name="average")(x)
    return layers.Dense(classes, activation="softmax", name="classes")(
        layers.Flatten(name="flatten")(x)
    )
