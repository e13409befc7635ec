"""A dense autoencoder: machines that sound unusual are badly reconstructed.

Koizumi et al.: baseline of DCASE 2020 Task 2, on five frames of 128 mel bands.
"""

from __future__ import annotations

from typing import Any

from tinygen.compress.backend import keras
from tinygen.zoo.layers import normalized

MACS = 264_192


def build() -> Any:
    """Input (640,); eight hidden layers of 128 around a bottleneck of 8; output (640,)."""
    dense = keras().layers.Dense
    features = keras().Input((640,), name="features")
    x = features
    for index, units in enumerate((128, 128, 128, 128, 8, 128, 128, 128, 128)):
        x = normalized(x, dense(units, name=f"dense_{index + 1}"))
    return keras().Model(features, dense(640, name="reconstruction")(x), name="ad")
