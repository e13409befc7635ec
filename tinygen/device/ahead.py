"""Samples one after another, the next ones on their way while the device computes.

The device takes what arrives into a queue and executes it in order, so several requests may be
under way. It executes none after a gap, and remembers only its last answer: when an answer does not
come, or the device was reset, the host greets it anew and does again what was not answered, one
request at a time, as it is sure to work. So the line and the host cost time only where they are
slower than the device.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tinygen.device.link import LostTrackError
from tinygen.device.session import inference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tinygen.device.link import Sent
    from tinygen.device.protocol import Frame
    from tinygen.device.requests import Request
    from tinygen.device.session import Inference, Session

QUEUE_BYTES = 2048
"""What a device can take in while it is busy (docs/protocol.md)."""

_FRAME_OVERHEAD = 32  # of a request, with some to spare
# Two parts of an input fit into the queue, so that one is under way while the other is taken.
_MAX_PAYLOAD = QUEUE_BYTES // 2 - _FRAME_OVERHEAD
_MOST_CARE = 64


@dataclass
class _Sample:
    inputs: Sequence[bytes]
    unsent: deque[Request]
    sent: deque[tuple[Request, Sent]] = field(default_factory=deque)
    answers: list[tuple[Request, bytes]] = field(default_factory=list)


class _LostAnswerError(Exception):
    """An answer is overdue, or a later one came first."""


def infer_all(session: Session, samples: Iterable[Sequence[bytes]]) -> Iterator[Inference]:
    """The inferences of all samples, in their order. Raises DeviceError as the session does.

    The session must not be used for anything else before the last one.
    """
    return _Ahead(session).infer_all(samples)


class _Ahead:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._link = session.link
        self._under_way: deque[_Sample] = deque()
        self._early: list[Frame] = []
        self._last_answer = 0.0
        self._setbacks = 0

    def infer_all(self, samples: Iterable[Sequence[bytes]]) -> Iterator[Inference]:
        waiting = iter(samples)
        while True:
            try:
                self._send(waiting)
                if not self._under_way:
                    return
                done = self._receive()
            except (_LostAnswerError, LostTrackError):
                yield from self._take_up(waiting)
                continue
            if done is not None:
                self._setbacks = 0
                yield done

    def _take_up(self, waiting: Iterator[Sequence[bytes]]) -> Iterator[Inference]:
        """Does what is under way again, and the more after it the more often the line fails."""
        self._link.statistics.taken_up += 1
        self._early.clear()
        again = [sample.inputs for sample in self._under_way]
        self._under_way.clear()
        self._session.hello()
        for inputs in again:
            yield self._session.infer(inputs)
        self._setbacks += 1
        for _ in range(min(2**self._setbacks, _MOST_CARE)):
            following: Sequence[bytes] | None = next(waiting, None)
            if following is None:
                return
            yield self._session.infer(following)

    def _send(self, waiting: Iterator[Sequence[bytes]]) -> None:
        """Sends as many requests as the device's queue has room for."""
        while (sample := self._unsent(waiting)) is not None:
            request = sample.unsent[0]
            size = len(request.payload) + _FRAME_OVERHEAD
            outstanding = sum(sent.nbytes for s in self._under_way for _, sent in s.sent)
            if outstanding and outstanding + size > QUEUE_BYTES:
                return
            sample.unsent.popleft()
            sample.sent.append((request, self._link.send(request.command, request.payload)))

    def _unsent(self, waiting: Iterator[Sequence[bytes]]) -> _Sample | None:
        """The sample whose request is to be sent next."""
        if self._under_way and self._under_way[-1].unsent:
            return self._under_way[-1]
        inputs = next(waiting, None)
        if inputs is None:
            return None
        steps = self._session.steps(inputs, min(_MAX_PAYLOAD, self._session.device.max_payload))
        sample = _Sample(inputs, deque(steps))
        self._under_way.append(sample)
        return sample

    def _receive(self) -> Inference | None:
        """Waits for the next answer; the inference when that was its last one."""
        sample = self._under_way[0]
        request, sent = sample.sent[0]
        since = max(sent.at, self._last_answer)
        frame = self._next_answer(request, sent, since)
        sample.sent.popleft()
        self._last_answer = time.monotonic()
        sample.answers.append((request, self._link.accept(request.command, frame)))
        if sample.sent or sample.unsent:
            return None
        self._under_way.popleft()
        return inference(sample.answers, self._session.device.output_bytes)

    def _next_answer(self, request: Request, sent: Sent, since: float) -> Frame:
        answer_time = self._link.answer_time(request.command)
        line = 10 * (QUEUE_BYTES + request.answer_bytes) / self._link.transport.baud
        until = since + line + answer_time.after(0)
        while True:
            while self._early:
                frame = self._early.pop(0)
                if frame.answers(request.command, sent.sequence):
                    answer_time.learn(time.monotonic() - since, 0)
                    return frame
                if self._answers_later(frame):
                    raise _LostAnswerError
            if time.monotonic() >= until:
                raise _LostAnswerError
            self._early = self._link.receive(until)

    def _answers_later(self, frame: Frame) -> bool:
        return any(
            frame.answers(request.command, sent.sequence)
            for sample in self._under_way
            for request, sent in sample.sent
        )
