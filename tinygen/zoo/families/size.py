"""How large a network of a family is, and what follows from that for its blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tinygen.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

STAGES = (16, 32, 64)
"""Channels of the stages at width 1: those of ResNet8."""

# What the kernels work on at once; other numbers of channels waste work.
_MULTIPLE = 4
# Pictures of fewer rows or columns are not halved: what is in them would be lost.
_SMALLEST_TO_HALVE = 5
_SMALLEST_FOR_A_STRIDED_STEM = 24


@dataclass(frozen=True)
class Size:
    """Width, depth and kernel size; raises ConfigError for those that make no network."""

    width: float
    depth: int
    kernel: int

    def __post_init__(self) -> None:
        if not self.width > 0 or self.depth < 1 or self.kernel < 1 or self.kernel % 2 == 0:
            raise ConfigError(
                f"width {self.width:g}, depth {self.depth} and kernel {self.kernel} make no "
                "network; give a width above 0, a depth of at least 1 and an odd kernel"
            )

    def channels(self, at_width_1: float) -> int:
        """That many channels times the width, a multiple of 4 and at least 4."""
        return max(round(at_width_1 * self.width / _MULTIPLE), 1) * _MULTIPLE

    def blocks(self, stages: tuple[int, ...] = STAGES) -> Iterator[tuple[str, int, bool]]:
        """Name, channels at width 1, and whether it is the first of a stage but the first stage."""
        for stage, channels in enumerate(stages):
            for block in range(self.depth):
                yield f"stage_{stage + 1}_block_{block + 1}", channels, bool(stage and not block)


def halving(x: Any, wanted: bool = True) -> int:
    """The stride of a block: 2 where the picture is to be halved and large enough for that."""
    return 2 if wanted and min(x.shape[1:3]) >= _SMALLEST_TO_HALVE else 1


def stem_stride(x: Any) -> int:
    """The stride of the first convolution: 2 for large pictures."""
    return 2 if min(x.shape[1:3]) >= _SMALLEST_FOR_A_STRIDED_STEM else 1
