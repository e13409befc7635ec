"""DS-CNN: 12 spoken words from 49 frames of 10 cepstral coefficients.

Zhang, Suda, Lai, Chandra: "Hello Edge: Keyword Spotting on Microcontrollers" (2017), size S.
"""

from __future__ import annotations

from typing import Any

from tinygen.compress.backend import keras
from tinygen.zoo.layers import classifier, convolution, separable

MACS = 2_656_768


def build() -> Any:
    """Input (49, 10, 1); a 10x4 convolution and four separable ones of 64 channels."""
    image = keras().Input((49, 10, 1), name="spectrogram")
    x = convolution(image, "conv", 64, (10, 4), stride=2)
    for index in range(4):
        x = separable(x, f"block_{index + 1}", 64)
    return keras().Model(image, classifier(x, 12), name="kws")
