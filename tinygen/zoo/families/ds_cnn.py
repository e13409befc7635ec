"""DS-CNN: separable convolutions of one width at one resolution, after a large first window.

Zhang, Suda, Lai, Chandra: "Hello Edge: Keyword Spotting on Microcontrollers" (2017).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygen.zoo.families.size import halving
from tinygen.zoo.layers import convolution, separable

if TYPE_CHECKING:
    from tinygen.zoo.families.size import Size

_CHANNELS = 64
_STEM = 4


def features(image: Any, size: Size) -> Any:
    """Two separable convolutions per unit of depth; at depth 2 as many as were published."""
    channels = size.channels(_CHANNELS)
    x = convolution(image, "stem", channels, _STEM, halving(image))
    for index in range(2 * size.depth):
        x = separable(x, f"block_{index + 1}", channels, size=size.kernel)
    return x
