"""ResNets for small pictures: at depth 1 and width 1 it is ResNet8.

He, Zhang, Ren, Sun: "Deep Residual Learning for Image Recognition" (2015), the variants for
CIFAR-10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygen.zoo.families.size import halving, stem_stride
from tinygen.zoo.layers import convolution, residual

if TYPE_CHECKING:
    from tinygen.zoo.families.size import Size


def features(image: Any, size: Size) -> Any:
    """Stages of residual blocks; pictures of 32x32 and less keep their size at the start."""
    stride = stem_stride(image) if min(image.shape[1:3]) > 32 else 1
    x = convolution(image, "stem", size.channels(16), 3, stride)
    for name, channels, first in size.blocks():
        x = residual(x, name, size.channels(channels), halving(x, first), size.kernel)
    return x
