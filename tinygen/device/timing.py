"""How long to wait for an answer before asking again."""

from __future__ import annotations

from dataclasses import dataclass

_FIRST = 0.25
_LONGEST = 30.0
_MOST_DOUBLINGS = 2
_GROWTH = 1.25


@dataclass
class AnswerTime:
    """Adaptive time-out of one command, after Jacobson and Karels (RFC 6298).

    The time-out is the smoothed answer time plus four deviations, at least ``shortest``. It doubles
    with an answer that does not come, but not without end: on a line, unlike in a network, waiting
    does not make losses rarer. Seconds throughout.
    """

    shortest: float
    _timeout: float = _FIRST
    _mean: float | None = None
    _deviation: float = 0.0

    def after(self, retries: int) -> float:
        """The time-out after so many repetitions of one request."""
        return self._bounded(self._timeout * 2 ** min(retries, _MOST_DOUBLINGS))

    def learn(self, seconds: float, retries: int) -> None:
        """An answer came so many seconds after the last of so many repetitions.

        Nobody knows which request was answered (RFC 6298 does not learn from such an answer at
        all), so it may only make the time-out longer: a little where losses are the reason for
        repetitions, until a first request is answered; enough, in the end, where the device is
        slower than was thought.
        """
        if self._mean is None:
            self._mean, self._deviation = seconds, seconds / 2
        else:
            self._deviation += (abs(seconds - self._mean) - self._deviation) / 4
            self._mean += (seconds - self._mean) / 8
        learnt = self._mean + 4 * self._deviation
        least = _GROWTH * self._timeout if retries else 0.0
        self._timeout = self._bounded(max(learnt, least))

    def _bounded(self, seconds: float) -> float:
        return min(max(seconds, self.shortest), _LONGEST)
