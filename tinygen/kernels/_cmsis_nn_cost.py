"""Instructions that CMSIS-NN's routines take, as estimates for choosing between kernels.

Each formula follows the loops of the routine; its coefficients were fitted, by least squares of
the relative error, to exact counts of 2 to 13 shapes per routine. They were measured with gcc
12.2 and the flags of :func:`tinygen.cmsis_nn.target_flags`: "plain" on Cortex-M3 and "dsp" on
Cortex-M4 under unicorn, "mve" on Cortex-M55 under QEMU (``-icount``). On those shapes the
estimates are mostly within 5 %, at worst 41 % off (small depthwise layers without SIMD).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.kernels._cmsis_nn import Flavour
    from tinygen.ops.windows import Window


ARMV6M = {
    "convolution": 2.4,
    "depthwise": 4.2,
    "fully connected": 1.9,
    "addition": 4.5,
}
"""What a routine takes on Cortex-M0+, over "plain": there, requantizing calls a function for a
product of 64 bits. From exact counts of 1 to 9 layers each, which differ by a tenth."""


def slowdown(core: Core, kind: str) -> float:
    """What a routine takes on this core over what its formula says."""
    return 1.0 if core.mainline else ARMV6M[kind]


def convolution_cost(
    flavour: Flavour, routine: str, over: Window, depth: int, channels: int
) -> float:
    """A convolution with ``depth`` products per output and this many output channels."""
    pixels = over.out_height * over.out_width
    groups = channels * _groups(depth, flavour)
    if routine == "arm_convolve_1x1_s8_fast":
        return _pointwise(flavour, pixels, groups, depth, channels)
    if routine == "arm_convolve_1x1_s8":
        # One matrix multiplication per row of the output.
        return over.out_height * _pointwise(flavour, over.out_width, groups, depth, channels)
    fours = pixels // 4 + pixels % 4
    if routine == "arm_convolve_1_x_n_s8":
        return fours * (10.5 * groups + 63 * channels)
    taps = over.height * over.width
    if flavour == "mve":
        return fours * (11 * groups + 58 * channels) + pixels * (22 * taps + 90) + 560
    product, output, copy = (2.5, 31, 7.0) if flavour == "plain" else (6.4, 33, 3.7)
    return pixels * (product * groups + output * channels + copy * depth + 40 * taps + 140)


def _pointwise(flavour: Flavour, rows: int, groups: float, depth: int, channels: int) -> float:
    """A matrix multiplication: several rows of pixels at a time, then those that are left."""
    if flavour == "mve":
        several = rows // 4 * (11 * groups + 57 * channels)
        return several + rows % 4 * (3.8 * groups + 27 * channels) + 250
    double, single = (5.1, 4.7) if flavour == "plain" else (11.9, 11.8)
    products = (rows // 2 * double + rows % 2 * single) * groups
    # For every channel the weights are summed, once per multiplication.
    return products + 33 * rows * channels + 1.3 * depth * channels + 75 * channels


def depthwise_cost(
    flavour: Flavour, routine: str, over: Window, channels: int, multiplier: int
) -> float:
    """A depthwise convolution with this many output channels."""
    pixels, taps = over.out_height * over.out_width, over.height * over.width
    if routine == "arm_depthwise_conv_s8":
        if multiplier % 4 == 0 and over.dilation_h == over.dilation_w == 1:
            return pixels * channels * (1.8 * taps + (55 if flavour == "mve" else 75))
        return pixels * channels * (7 * taps + 205)
    if flavour == "mve":
        vectors, blocks = -(-channels // 4), -(-channels // 124)
        fours = pixels / 4 * vectors * (21 * taps + 82)
        return fours + pixels * blocks * (14 * taps + 145)
    fours, rest = divmod(channels, 4)
    if routine == "arm_depthwise_conv_3x3_s8":
        four = 32.5 if flavour == "plain" else 27
        return pixels * taps * (four * fours + 10 * rest + 12)
    return pixels * (taps * (29.6 * fours + 10 * rest) + 11.5 * channels + 980)


def fully_connected_cost(flavour: Flavour, depth: int, outputs: int) -> float:
    """Sums of ``depth`` products each, over all rows."""
    product, output = {"plain": (3.6, 24), "dsp": (7.6, 44), "mve": (7.6, 11)}[flavour]
    return outputs * (product * _groups(depth, flavour) + output) + 300


def pooling_cost(flavour: Flavour, routine: str, over: Window, channels: int) -> float:
    """Pooling over windows."""
    pixels, taps = over.out_height * over.out_width, over.height * over.width
    vectors = -(-channels // 16)
    if routine == "arm_avgpool_s8":
        if flavour == "mve":
            return pixels * (vectors * (24 * taps + 201) + 29)
        value, output = (14.2, 43) if flavour == "plain" else (6.3, 9)
        return pixels * (channels * (value * taps + output) + 190)
    if flavour == "mve":
        return pixels * (vectors * 19 * taps + 9.5 * taps + 75)
    return pixels * ((channels + 1) * 7.7 * taps + 160)


def elementwise_cost(flavour: Flavour, op: str, size: int) -> float:
    """ADD, MUL, MINIMUM or MAXIMUM of this many pairs."""
    add, mul, pick = {"plain": (53, 27, 8.0), "dsp": (55, 27.5, 8.0), "mve": (13.8, 6.8, 1.1)}[
        flavour
    ]
    return {"ADD": add, "MUL": mul, "MINIMUM": pick, "MAXIMUM": pick}[op] * size + 75


def softmax_cost(size: int) -> float:
    """Softmax of this many values, in rows; gcc 12.2 cannot compile the Helium variant."""
    return 525.0 * size + 220


def copying_cost(flavour: Flavour, nbytes: int, pieces: int) -> float:
    """Copying or filling this many bytes in this many pieces."""
    byte, piece = (0.2, 11) if flavour == "mve" else (0.6, 33)
    return byte * nbytes + piece * pieces


def transposing_cost(flavour: Flavour, rank: int, size: int) -> float:
    """Moving this many values; matrices are gathered by vectors on Helium."""
    if rank > 2:
        return (5.4 if flavour == "mve" else 6.5) * size
    return 1.6 * size + 370 if flavour == "mve" else 5.5 * size


def _groups(depth: int, flavour: Flavour) -> float:
    """Steps of the inner loop: four products at a time with DSP instructions, 16 with Helium.

    A single product that is left over takes 0.6 of the time of four.
    """
    if flavour == "mve":
        return -(-depth // 16)
    return depth // 4 + 0.6 * (depth % 4) if flavour == "dsp" else depth
