"""Like EfficientNet-Lite: MBConv blocks with ReLU6 and without squeeze-and-excitation.

Tan, Le: "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (2019), and its
Lite variants, which leave out what quantizes badly. As there, windows and expansion grow with the
stages: the first has 3x3 and no expansion, the others the kernel that is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygen.zoo.families.mobilenet_v2 import CEILING, inverted_residual
from tinygen.zoo.families.size import halving, stem_stride
from tinygen.zoo.layers import convolution

if TYPE_CHECKING:
    from tinygen.zoo.families.size import Size

_STAGES = (8, 16, 24)
_EXPANSION = {8: 1, 16: 4, 24: 6}


def features(image: Any, size: Size) -> Any:
    """Stages of MBConv blocks, and a wide 1x1 convolution at the end."""
    x = convolution(image, "stem", size.channels(16), 3, stem_stride(image), ceiling=CEILING)
    for name, channels, first in size.blocks(_STAGES):
        kernel = 3 if channels == _STAGES[0] else size.kernel
        filters, stride = size.channels(channels), halving(x, first)
        x = inverted_residual(x, name, filters, stride, kernel, _EXPANSION[channels])
    return convolution(x, "head", size.channels(96), 1, ceiling=CEILING)
