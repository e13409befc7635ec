"""How long to wait for an answer before asking again."""

from __future__ import annotations

from dataclasses import dataclass

_FIRST = 0.25
_LONGEST = 30.0


@dataclass
class AnswerTime:
    """Adaptive time-out of one command, after Jacobson and Karels (RFC 6298).

    The time-out is the smoothed answer time plus four deviations, at least ``shortest``, and
    doubles with every answer that does not come. Seconds throughout.
    """

    shortest: float
    _timeout: float = _FIRST
    _mean: float | None = None
    _deviation: float = 0.0

    def after(self, retries: int) -> float:
        """The time-out after so many repetitions of one request."""
        return self._bounded(self._timeout * 2**retries)

    def learn(self, seconds: float, retries: int) -> None:
        """An answer came so many seconds after the last of so many repetitions.

        After a repetition nobody knows which request was answered (Karn's rule), so that answer
        time is not learnt from; the longer time-out stays until a first request is answered.
        """
        if retries:
            self._timeout = self.after(retries)
            return
        if self._mean is None:
            self._mean, self._deviation = seconds, seconds / 2
        else:
            self._deviation += (abs(seconds - self._mean) - self._deviation) / 4
            self._mean += (seconds - self._mean) / 8
        self._timeout = self._bounded(self._mean + 4 * self._deviation)

    def _bounded(self, seconds: float) -> float:
        return min(max(seconds, self.shortest), _LONGEST)
