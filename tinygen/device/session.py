"""A conversation with a device: samples in, answers out, however bad the line.

    with Session(SerialTransport(port, baud)) as session:
        inference = session.infer([sample])

The line may lose, damage and repeat frames and the device may reset at any time. A request is
repeated until its answer arrives whole (link.py); when the device was reset in between, everything
that belongs to the sample is done again from the start. An answer is taken only with the right
CRC, command and sequence number, and only from the build that said hello at the beginning.
"""

from __future__ import annotations

import contextlib
import struct
import time
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING, TypeVar

from tinygen.device import requests
from tinygen.device.link import Link, LostTrackError, Statistics
from tinygen.device.protocol import Command, Fault, Hello, LayerInfo, Memory, RunResult
from tinygen.device.requests import Request
from tinygen.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from tinygen.device.transport import Transport

T = TypeVar("T")
_RUNS = (Command.RUN, Command.RUN_PROFILED, Command.RUN_HASHED)
_HELLO_BYTES = 200
_SHORT_ANSWER = 64


@dataclass(frozen=True)
class Expected:
    """What the device must be running; None is not checked."""

    model_sha256: bytes | None = None
    build_id: bytes | None = None


@dataclass(frozen=True)
class Patience:
    """How long to try before giving up.

    Seconds for a hello, for a run and for any other answer; resets of the device in the middle of
    one sample; least seconds before a request is repeated.
    """

    hello: float = 5.0
    run: float = 120.0
    answer: float = 10.0
    restarts: int = 20
    shortest_wait: float = 0.05


@dataclass(frozen=True)
class Inference:
    """Outputs of one inference as raw bytes, and the counter's ticks it took."""

    outputs: tuple[bytes, ...]
    ticks: int


class Session:
    """A conversation over a transport, which it closes at the end.

    Every method raises DeviceError when the device does not answer, answers what does not belong,
    or runs something other than ``expected``. ``link`` is what it speaks over.
    """

    def __init__(
        self,
        transport: Transport,
        expected: Expected | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._expected = expected or Expected()
        self._patience = patience or Patience()
        self.link = Link(transport, self._patience.shortest_wait)
        self._hello: Hello | None = None
        self._layers: tuple[LayerInfo, ...] | None = None

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.link.transport.close()

    @property
    def statistics(self) -> Statistics:
        """What the line has cost so far."""
        return self.link.statistics

    @property
    def device(self) -> Hello:
        """What the device says about itself; greets it if that has not been done."""
        return self._hello or self.hello()

    def hello(self) -> Hello:
        """Greets the device, which starts a new numbering, and checks what it runs."""
        answer = Hello.parse(
            self.link.request(
                Command.HELLO, b"", patience=self._patience.hello, answer_bytes=_HELLO_BYTES
            )
        )
        self._check_identity(answer)
        self._hello = answer
        return answer

    def infer(self, inputs: Sequence[bytes]) -> Inference:
        """One inference: writes every input, runs, reads every output."""

        def sample() -> Inference:
            steps = self.steps(inputs, self.device.max_payload)
            answers = [(step, self._answer(step)) for step in steps]
            return inference(answers, self.device.output_bytes)

        return self._whole(sample)

    def steps(self, inputs: Sequence[bytes], max_payload: int) -> list[Request]:
        """The requests of one inference, with payloads of so many bytes at most."""
        self._check_inputs(inputs)
        writes = (
            requests.write_input(index, data, max_payload) for index, data in enumerate(inputs)
        )
        reads = (
            requests.read_output(index, nbytes, max_payload)
            for index, nbytes in enumerate(self.device.output_bytes)
        )
        return [*chain.from_iterable(writes), requests.run(), *chain.from_iterable(reads)]

    def measure(self, inputs: Sequence[bytes], count: int) -> RunResult:
        """``count`` inferences on the same inputs, back to back."""

        def sample() -> RunResult:
            self._write_inputs(inputs)
            return self.run(count)

        return self._whole(sample)

    def profile(self, inputs: Sequence[bytes]) -> tuple[int, ...]:
        """Ticks of every layer over one inference."""
        return self._per_layer(Command.RUN_PROFILED, inputs)

    def layer_hashes(self, inputs: Sequence[bytes]) -> tuple[int, ...]:
        """CRC-32 of every layer's output over one inference."""
        return self._per_layer(Command.RUN_HASHED, inputs)

    def layer_output(self, inputs: Sequence[bytes], layer: int) -> bytes:
        """What a layer writes in an inference, read before the next one may write over it."""
        info = self.layers()[layer]

        def sample() -> bytes:
            self._write_inputs(inputs)
            self._run_layers(Command.RUN_HASHED, layer + 1)
            return self.read_arena(info.output_offset, info.output_bytes)

        return self._whole(sample)

    def layers(self) -> tuple[LayerInfo, ...]:
        """The layers of the network on the device, in execution order."""
        if self._layers is None:
            self._layers = self._whole(
                lambda: tuple(
                    LayerInfo.parse(self._request(Command.LAYER_INFO, struct.pack("<H", layer)))
                    for layer in range(self.device.layers)
                )
            )
        return self._layers

    def memory(self) -> Memory:
        """Memory use, with high-water marks."""
        return Memory.parse(self._whole(lambda: self._request(Command.MEMORY, b"")))

    def fault(self, *, clear: bool = False) -> Fault | None:
        """The record of the last hard fault, None without one."""
        return Fault.parse(self._whole(lambda: self._request(Command.FAULT, bytes([clear]))))

    def reset(self) -> Hello:
        """Resets the device and greets it again."""
        return self._provoke_restart(Command.RESET, b"")

    def provoke_fault(self, kind: int = 0) -> Hello:
        """Makes the device fault on purpose (0 undefined instruction, 1 bad address)."""
        return self._provoke_restart(Command.PROVOKE_FAULT, bytes([kind]))

    def write_input(self, index: int, data: bytes) -> None:
        """Puts one whole input tensor on the device.

        This and the methods below are the single steps of a sample: they raise LostTrackError, a
        DeviceError, when the device was reset since the sample began.
        """
        self._check_input(index, data)
        for step in requests.write_input(index, data, self.device.max_payload):
            self._answer(step)

    def run(self, count: int = 1) -> RunResult:
        """Runs ``count`` inferences on the inputs as they are."""
        return _ran(self._answer(requests.run(count)), count)

    def read_output(self, index: int) -> bytes:
        """One whole output tensor."""
        nbytes = self.device.output_bytes[index]
        steps = requests.read_output(index, nbytes, self.device.max_payload)
        return b"".join(_exactly(step, self._answer(step)) for step in steps)

    def read_arena(self, offset: int, length: int) -> bytes:
        """Bytes of the arena as they are now."""
        steps = requests.read_arena(offset, length, self.device.max_payload)
        return b"".join(_exactly(step, self._answer(step)) for step in steps)

    def _check_inputs(self, inputs: Sequence[bytes]) -> None:
        expected = len(self.device.input_bytes)
        if len(inputs) != expected:
            raise DeviceError(f"the model on the device has {expected} inputs, not {len(inputs)}")
        for index, data in enumerate(inputs):
            self._check_input(index, data)

    def _check_input(self, index: int, data: bytes) -> None:
        size = self.device.input_bytes[index]
        if len(data) != size:
            raise DeviceError(f"input {index} has {size} bytes on the device, not {len(data)}")

    def _write_inputs(self, inputs: Sequence[bytes]) -> None:
        self._check_inputs(inputs)
        for index, data in enumerate(inputs):
            self.write_input(index, data)

    def _per_layer(self, command: Command, inputs: Sequence[bytes]) -> tuple[int, ...]:
        def sample() -> tuple[int, ...]:
            self._write_inputs(inputs)
            return self._run_layers(command, self.device.layers)

        return self._whole(sample)

    def _run_layers(self, command: Command, layers: int) -> tuple[int, ...]:
        """The first so many layers, as many per request as an answer has room for."""
        values: list[int] = []
        most = (self.device.max_payload - 1) // 4
        while len(values) < layers:
            count = min(most, layers - len(values))
            step = Request(command, struct.pack("<HH", len(values), count), 4 * count)
            values += struct.unpack(f"<{count}I", _exactly(step, self._answer(step)))
        return tuple(values)

    def _provoke_restart(self, command: Command, payload: bytes) -> Hello:
        boot_id = self.device.boot_id
        # When only the answer is lost, the repetition finds a device that has restarted already.
        with contextlib.suppress(LostTrackError):
            self._request(command, payload)
        deadline = time.monotonic() + self._patience.answer
        while True:
            fresh = self.hello()
            if fresh.boot_id != boot_id or time.monotonic() > deadline:
                return fresh
            time.sleep(0.02)  # it is still on its way down

    def _whole(self, sample: Callable[[], T]) -> T:
        """Does ``sample`` from the start again whenever the device was reset in the middle."""
        for _ in range(self._patience.restarts):
            try:
                if self._hello is None:
                    self.hello()
                return sample()
            except LostTrackError:
                self.statistics.restarts += 1
                self.hello()
        raise DeviceError(
            f"the device was reset {self._patience.restarts} times in the middle of one sample; "
            "see its fault record and its power supply"
        )

    def _answer(self, step: Request) -> bytes:
        return self._request(step.command, step.payload, step.answer_bytes)

    def _request(
        self, command: Command, payload: bytes, answer_bytes: int = _SHORT_ANSWER
    ) -> bytes:
        patience = self._patience.run if command in _RUNS else self._patience.answer
        return self.link.request(command, payload, patience=patience, answer_bytes=answer_bytes)

    def _check_identity(self, hello: Hello) -> None:
        pairs = [
            ("model", hello.model_sha256, self._expected.model_sha256),
            ("build", hello.build_id, self._expected.build_id),
            ("build", hello.build_id, self._hello.build_id if self._hello else None),
        ]
        for what, found, wanted in pairs:
            if wanted is not None and found != wanted:
                raise DeviceError(
                    f"the device runs {what} {found.hex()[:16]} instead of {wanted.hex()[:16]}; "
                    "flash the image of this build"
                )


def inference(answers: Iterable[tuple[Request, bytes]], output_bytes: Sequence[int]) -> Inference:
    """What the answers to the requests of one inference say.

    Raises DeviceError for answers that do not have the right length.
    """
    ticks = 0
    read = bytearray()
    for step, answer in answers:
        if step.command == Command.RUN:
            ticks = _ran(answer, 1).ticks
        elif step.command == Command.READ_OUTPUT:
            read += _exactly(step, answer)
    ends = tuple(accumulate(output_bytes, initial=0))
    return Inference(tuple(bytes(read[a:b]) for a, b in pairwise(ends)), ticks)


def _ran(answer: bytes, count: int) -> RunResult:
    result = RunResult.parse(answer)
    if result.count != count:
        raise DeviceError(f"the device ran {result.count} inferences of {count}")
    return result


def _exactly(step: Request, answer: bytes) -> bytes:
    if len(answer) != step.answer_bytes:
        raise DeviceError(
            f"the device answered {step.command.name} with {len(answer)} bytes, "
            f"not {step.answer_bytes}"
        )
    return answer
