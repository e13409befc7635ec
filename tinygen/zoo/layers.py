"""What the networks are made of."""

from __future__ import annotations

from typing import Any

from tinygen.compress.backend import keras


def normalized(x: Any, layer: Any, activation: bool = True) -> Any:
    """``layer``, batch normalization, and ReLU."""
    layers = keras().layers
    x = layers.BatchNormalization()(layer(x))
    return layers.ReLU()(x) if activation else x


def convolution(x: Any, filters: int, size: Any, stride: Any = 1, activation: bool = True) -> Any:
    """A normalized SAME convolution."""
    layer = keras().layers.Conv2D(filters, size, strides=stride, padding="same")
    return normalized(x, layer, activation)


def separable(x: Any, filters: int, stride: int = 1) -> Any:
    """A normalized depthwise 3x3 and a normalized 1x1 convolution."""
    depthwise = keras().layers.DepthwiseConv2D(3, strides=stride, padding="same")
    return convolution(normalized(x, depthwise), filters, 1)


def classifier(x: Any, classes: int) -> Any:
    """Class probabilities from an image, averaged over all its positions."""
    layers = keras().layers
    x = layers.AveragePooling2D(tuple(x.shape[1:3]))(x)
    return layers.Dense(classes, activation="softmax")(layers.Flatten()(x))
