"""What every power meter is to the rest of tinygen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# How a window is delimited: by the board's trigger pin, which is wired to the meter, or by the
# host, which starts and stops the meter around it.
Trigger: TypeAlias = Literal["pin", "software"]

# Seconds that a meter's samples may be on their way to the host.
IN_FLIGHT = 0.05


@dataclass(frozen=True)
class Window:
    """A stretch of time over which power was added up."""

    seconds: float
    joules: float


class Meter(Protocol):
    """A meter that is open. ``name`` stands in reports.

    Whatever goes wrong with it is a DeviceError.
    """

    name: str

    def supply(self, volts: float) -> None:
        """Powers the board, where the meter can do that; elsewhere it does nothing."""
        ...

    def start(self) -> None:
        """Begins to measure."""
        ...

    def stop(self, seconds: float) -> tuple[Window, ...]:
        """Ends it, and tells the windows since :meth:`start`.

        ``seconds`` is what the board says that its inferences took, for a meter that sees only
        where a window begins.
        """
        ...

    def close(self) -> None:
        """Lets go of the meter; the board stays powered. Raises nothing."""
        ...


def windows(
    watts: NDArray[np.float64], high: NDArray[np.bool_] | None, period: float
) -> tuple[Window, ...]:
    """The windows in power sampled every ``period`` seconds: where ``high``, or all of it.

    A window that reaches to either end was not seen whole, and is left out.
    """
    if high is None:
        return (Window(len(watts) * period, float(watts.sum()) * period),)
    edges = np.flatnonzero(np.diff(high.astype(np.int8))) + 1
    inside = edges[1 if high[:1].any() else 0 :]
    return tuple(
        Window(int(end - begin) * period, float(watts[begin:end].sum()) * period)
        for begin, end in zip(inside[::2], inside[1::2], strict=False)
    )


def beginning(joules: NDArray[np.float64], period: float, seconds: float) -> Window | None:
    """The first ``seconds`` of energies that were added up over ``period`` each.

    The last of them reaches beyond the end; what belongs to it is taken at the power of the one
    before. None where they are too few.
    """
    whole, part = divmod(seconds / period, 1.0)
    count = int(whole)
    if len(joules) <= count:
        return None
    return Window(seconds, float(joules[:count].sum() + part * joules[max(count - 1, 0)]))
