"""What the networks are made of. Every layer has a name of its own, so that builds are equal."""

from __future__ import annotations

from typing import Any

from tinygen.compress.backend import keras

# Statistics that settle in a hundred steps: trainings for microcontrollers are short.
_MOMENTUM = 0.9


def normalized(x: Any, layer: Any, activation: bool = True, ceiling: float | None = None) -> Any:
    """``layer``, batch normalization, and ReLU, which ends at ``ceiling`` where one is given."""
    layers = keras().layers
    x = layers.BatchNormalization(momentum=_MOMENTUM, name=f"{layer.name}_norm")(layer(x))
    return layers.ReLU(ceiling, name=f"{layer.name}_relu")(x) if activation else x


def convolution(
    x: Any,
    name: str,
    filters: int,
    size: Any,
    stride: int = 1,
    activation: bool = True,
    ceiling: float | None = None,
) -> Any:
    """A normalized SAME convolution."""
    layer = keras().layers.Conv2D(filters, size, strides=stride, padding="same", name=name)
    return normalized(x, layer, activation, ceiling)


def depthwise(
    x: Any,
    name: str,
    size: int,
    stride: int = 1,
    activation: bool = True,
    ceiling: float | None = None,
) -> Any:
    """A normalized SAME depthwise convolution."""
    layer = keras().layers.DepthwiseConv2D(size, strides=stride, padding="same", name=name)
    return normalized(x, layer, activation, ceiling)


def separable(x: Any, name: str, filters: int, stride: int = 1, size: int = 3) -> Any:
    """A normalized depthwise and a normalized 1x1 convolution."""
    x = depthwise(x, f"{name}_depthwise", size, stride)
    return convolution(x, f"{name}_pointwise", filters, 1)


def residual(x: Any, name: str, filters: int, stride: int = 1, size: int = 3) -> Any:
    """Two convolutions beside a way around them, which is 1x1 where the shape changes."""
    layers = keras().layers
    y = convolution(x, f"{name}_conv_1", filters, size, stride)
    y = convolution(y, f"{name}_conv_2", filters, size, activation=False)
    if stride != 1 or x.shape[-1] != filters:
        x = layers.Conv2D(filters, 1, strides=stride, padding="same", name=f"{name}_around")(x)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, y]))


def classifier(x: Any, classes: int) -> Any:
    """Class probabilities from an image, averaged over all its positions."""
    layers = keras().layers
    x = layers.AveragePooling2D(tuple(x.shape[1:3]), name="average")(x)
    return layers.Dense(classes, activation="softmax", name="classes")(
        layers.Flatten(name="flatten")(x)
    )
