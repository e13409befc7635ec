"""Convolution by CMSIS-NN: which routine, what scratch, what constants.

CONV_2D uses it, and DEPTHWISE_CONV_2D for an input of one channel, which is the same thing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from tinygen.kernels._cmsis_nn import (
    INCLUDES,
    accumulator_refusal,
    bias_constant,
    channel_constants,
    flavour,
    padded,
    size_refusal,
)
from tinygen.kernels._cmsis_nn_cost import convolution_cost, slowdown
from tinygen.kernels._cmsis_nn_size import linked
from tinygen.kernels.base import Constant, Implementation, Kernel, constant, input_, output, scratch
from tinygen.numerics import activation_range

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Array, Node
    from tinygen.ops.windows import Window

# On Helium the matrix multiplication loads 16 weights before it knows whether any are left.
_PREFETCHED = 16
# The inner loops count groups of four products in 16 bits.
_LARGEST_FILTER = 4 * ((1 << 16) - 1)


@dataclass(frozen=True)
class Convolution:
    """A convolution of one NHWC sample; ``weights`` is OHWI, int8."""

    node: Node
    weights: Array
    multipliers: Array
    shifts: Array
    window: Window

    @classmethod
    def of(
        cls, node: Node, weights: Array, requantization: tuple[Array, Array], window: Window
    ) -> Convolution:
        """With the dilation taken as 1 where the window has one element and it has no meaning."""
        window = replace(
            window,
            dilation_h=window.dilation_h if window.height > 1 else 1,
            dilation_w=window.dilation_w if window.width > 1 else 1,
        )
        return cls(node, weights, *requantization, window)

    @property
    def bias(self) -> Array:
        """The int32 bias."""
        return bias_constant(self.node, self.weights.shape[0])

    @property
    def depth(self) -> int:
        """Products per output value."""
        return int(self.weights[0].size)

    def refusal(self) -> str | None:
        """Why CMSIS-NN does not compute it exactly; None if it does."""
        if self.depth > _LARGEST_FILTER:
            return f"it counts the {self.depth} products of an output in 16 bits"
        return size_refusal(self.node) or accumulator_refusal(self.bias, self.weights, self.shifts)

    def routine(self, core: Core) -> str:
        """The routine to call."""
        over = self.window
        if (over.height, over.width) == (1, 1):
            unit = (over.stride_h, over.stride_w) == (1, 1)
            return "arm_convolve_1x1_s8_fast" if unit else "arm_convolve_1x1_s8"
        if core.mve and self._sections() is not None:
            return "arm_convolve_1_x_n_s8"
        return "arm_convolve_s8"

    def scratch_bytes(self, core: Core) -> int:
        """Scratch of the routine.

        arm_convolve_s8 unrolls two windows to int16 (four to int8 on Helium), rounded up to whole
        words (vectors). On Helium never less than in plain C, whose rounding is finer, because
        the proof runs the same generated C on the host.
        """
        routine = self.routine(core)
        if routine.startswith("arm_convolve_1x1"):
            return 0
        plain = 4 * (-(-self.depth // 4) * 4)
        if not core.mve:
            return plain
        if routine == "arm_convolve_s8":
            return 4 * (-(-self.depth // 16) * 16)
        sections = self._sections()
        assert sections is not None
        return max(sections.scratch_bytes, plain)

    def implementation(self, kernel: Kernel, core: Core) -> Implementation:
        """The call, specialised for a core."""
        node, over = self.node, self.window
        channels, height, width, depth = self.weights.shape
        scratch_bytes = self.scratch_bytes(core)
        low, high = activation_range(node.options.fused_activation_function, node.output.quant)
        weights = padded(self.weights, _PREFETCHED) if core.mve else self.weights
        return Implementation(
            kernel=kernel,
            params={
                "routine": self.routine(core),
                "window": asdict(over),
                "in_height": node.input(0).shape[1],
                "in_width": node.input(0).shape[2],
                "in_channels": depth,
                "channels": channels,
                "input_zero_point": node.input(0).quant.zero_point,
                "output_zero_point": node.output.quant.zero_point,
                "low": low,
                "high": high,
                "uses_scratch": scratch_bytes > 0,
            },
            label=f"{height}x{width}x{depth}_to_{channels}",
            arguments=(
                input_(),
                output(),
                constant("weights"),
                constant("bias"),
                constant("multipliers"),
                constant("shifts"),
                *([scratch()] if scratch_bytes else []),
            ),
            constants=(
                Constant("weights", weights, f"filter, {self.weights.shape} OHWI"),
                *channel_constants(self.bias, self.multipliers, self.shifts, core),
            ),
            scratch_bytes=scratch_bytes,
            cycles=convolution_cost(flavour(core), self.routine(core), over, self.depth, channels)
            * slowdown(core, "convolution"),
            linked=linked(self.routine(core), core),
            includes=INCLUDES,
        )

    def _sections(self) -> _Sections | None:
        """How arm_convolve_1_x_n_s8 cuts the row; None where it does not apply or is wrong."""
        shape, over = self.node.input(0).shape, self.window
        applies = (
            shape[1] == 1
            and over.height == 1
            and over.dilation_w == 1
            and over.stride_w * shape[3] % 4 == 0
        )
        if not applies:
            return None
        cut = _Sections.of(over, shape[2], shape[3])
        return cut if cut.exact else None


@dataclass(frozen=True)
class _Sections:
    """The outputs of arm_convolve_1_x_n_s8 on Helium: left of, inside and right of the input.

    The routine reads the middle straight from the input and copies each end into scratch, with
    padding: in front of the first window, and behind all but one element of the window in which
    the right section starts. That is right only where the input ends exactly there, which
    ``exact`` tells; upstream does not check it.
    """

    exact: bool
    scratch_bytes: int

    @classmethod
    def of(cls, over: Window, width: int, channels: int) -> _Sections:
        """For an input of one row of ``width`` elements."""
        stride, span, pad = over.stride_w, over.width, over.pad_left
        total = (over.out_width - 1) * stride + span - width
        odd = total % 2
        left = -(-pad // stride)
        right = -(-(pad + odd) // stride)
        middle = over.out_width - left - right
        first_right = stride * (left + middle) - pad
        padding_right = right if odd else pad
        exact = (
            total == 2 * pad + odd
            and middle >= 0
            and span <= width
            and (
                right == 0
                or (first_right + span - 1 == width and (right - 1) * stride + 1 <= padding_right)
            )
        )
        size = max(span + pad, span - 1 + padding_right) * channels
        return cls(exact, size)
