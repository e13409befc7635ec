"""Energy of one inference: many inferences in a window, several windows, a meter."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen.device.link import LostTrackError
from tinygen.device.power import MODELLED
from tinygen.device.power.modelled import Modelled
from tinygen.errors import ConfigError, DeviceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.boards import Board
    from tinygen.config import Power
    from tinygen.device.power.meter import Meter, Trigger, Window
    from tinygen.device.session import Session
    from tinygen.progress import Progress

WINDOW_SECONDS = 1.0
# By how much the clocks of board and meter may disagree, and what copying the inputs back between
# inferences may add to a window, as parts of the time of the inferences.
_CLOCKS = 0.05
_COPYING = 0.2


@dataclass(frozen=True)
class Energy:
    """Joules of one inference, one figure per window; what the board takes at rest is in them.

    ``inferences`` is how many there were in each window, ``outside`` the greatest part of a
    window's time in which there was none.
    """

    meter: str
    joules: tuple[float, ...]
    inferences: int
    outside: float

    @property
    def modelled(self) -> bool:
        """Whether nothing was measured."""
        return self.meter == MODELLED

    @property
    def mean(self) -> float:
        """Mean of the windows."""
        return statistics.fmean(self.joules)

    @property
    def deviation(self) -> float | None:
        """Standard deviation of the windows; None where there is only one."""
        return statistics.stdev(self.joules) if len(self.joules) > 1 else None


def measure(
    session: Session,
    meter: Meter,
    inputs: Sequence[bytes],
    settings: Power,
    progress: Progress,
) -> Energy:
    """Run many inferences on the same inputs, in several windows, while the meter measures.

    Where the settings do not say how many, as many as take a second. Raises DeviceError when board
    or meter fail, or contradict each other; ConfigError when the board cannot tell the time.
    """
    progress.step(f"measuring energy by {meter.name}")
    count = settings.inferences_per_window or _in_a_window(session, inputs)
    found = [
        _window(session, meter, inputs, count, settings.trigger)
        for _ in progress.track(range(settings.windows), settings.windows, "measuring")
    ]
    return Energy(
        meter=meter.name,
        joules=tuple(_joules(window, ran, settings.trigger) / count for window, ran in found),
        inferences=count,
        outside=max(max(0.0, 1 - ran / window.seconds) for window, ran in found),
    )


def _joules(window: Window, ran: float, trigger: Trigger) -> float:
    """What the inferences of a window took together.

    Between them the pin stays high while the inputs are copied back; that time is taken out at the
    mean power of the window. What lies around them in a window of the host's stays in, as nothing
    is known of its power.
    """
    return window.joules * ran / window.seconds if trigger == "pin" else window.joules


def modelled(board: Board, seconds: float) -> Energy:
    """What an inference of so many seconds takes by the board's power figures.

    Raises ConfigError for a board that has none.
    """
    (window,) = Modelled(board).stop(seconds)
    return Energy(MODELLED, (window.joules,), inferences=1, outside=0.0)


def _in_a_window(session: Session, inputs: Sequence[bytes]) -> int:
    seconds = _seconds(session, session.measure(inputs, 1).ticks)
    return max(1, math.ceil(WINDOW_SECONDS / seconds))


def _seconds(session: Session, ticks: int) -> float:
    """Time by the board's own counter."""
    hz = session.device.counter_hz
    if not hz or not ticks:
        raise ConfigError(
            f"the counter of {session.device.board} does not tell how long an inference takes, "
            "so windows cannot be checked; measure on a board with a counter"
        )
    return ticks / hz


def _window(
    session: Session, meter: Meter, inputs: Sequence[bytes], count: int, trigger: Trigger
) -> tuple[Window, float]:
    """One window, and the seconds that the inferences in it took."""
    try:
        # Inputs cross the line before the meter starts, so that it sees none of that.
        for index, data in enumerate(inputs):
            session.write_input(index, data)
        meter.start()
        ran = _seconds(session, session.run(count).ticks)
    except LostTrackError as error:
        raise DeviceError(
            "the board was reset while its energy was measured; see that the meter can supply "
            "what the board takes"
        ) from error
    found = meter.stop(ran)
    if len(found) != 1:
        raise DeviceError(
            f"{meter.name} saw {len(found)} windows where there was one; see that the board's "
            "trigger pin, and nothing else, is wired to its trigger input"
        )
    (window,) = found
    longest = math.inf if trigger == "software" else ran * (1 + _CLOCKS + _COPYING)
    if not ran * (1 - _CLOCKS) <= window.seconds <= longest:
        raise DeviceError(
            f"{meter.name} saw a window of {window.seconds:.6f} s, but the board ran for "
            f"{ran:.6f} s; see that the trigger pin is wired, and use longer windows"
        )
    return window, ran
