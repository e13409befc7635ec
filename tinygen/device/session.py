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
from typing import TYPE_CHECKING, TypeVar

from tinygen.device.link import Link, LostTrackError, Statistics
from tinygen.device.protocol import Command, Fault, Hello, LayerInfo, Memory, RunResult
from tinygen.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from tinygen.device.transport import Transport

T = TypeVar("T")
_RUNS = (Command.RUN, Command.RUN_PROFILED, Command.RUN_HASHED)
_HELLO_BYTES = 200
_WRITE_HEADER = struct.Struct("<BI")


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
    or runs something other than ``expected``.
    """

    def __init__(
        self,
        transport: Transport,
        expected: Expected | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._expected = expected or Expected()
        self._patience = patience or Patience()
        self._link = Link(transport, self._patience.shortest_wait)
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
        self._link.transport.close()

    @property
    def statistics(self) -> Statistics:
        """What the line has cost so far."""
        return self._link.statistics

    @property
    def device(self) -> Hello:
        """What the device says about itself; greets it if that has not been done."""
        return self._hello or self.hello()

    def hello(self) -> Hello:
        """Greets the device, which starts a new numbering, and checks what it runs."""
        answer = Hello.parse(
            self._link.request(
                Command.HELLO, b"", patience=self._patience.hello, answer_bytes=_HELLO_BYTES
            )
        )
        self._check_identity(answer)
        self._hello = answer
        return answer

    def infer(self, inputs: Sequence[bytes]) -> Inference:
        """One inference: writes every input, runs, reads every output."""

        def sample() -> Inference:
            self._write_inputs(inputs)
            ticks = self.run().ticks
            outputs = tuple(map(self.read_output, range(len(self.device.output_bytes))))
            return Inference(outputs, ticks)

        return self._whole(sample)

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
        size = self.device.input_bytes[index]
        if len(data) != size:
            raise DeviceError(f"input {index} has {size} bytes on the device, not {len(data)}")
        step = self.device.max_payload - _WRITE_HEADER.size
        for offset in range(0, size, step):
            header = _WRITE_HEADER.pack(index, offset)
            self._request(Command.WRITE_INPUT, header + data[offset : offset + step])

    def run(self, count: int = 1) -> RunResult:
        """Runs ``count`` inferences on the inputs as they are."""
        result = RunResult.parse(self._request(Command.RUN, struct.pack("<I", count)))
        if result.count != count:
            raise DeviceError(f"the device ran {result.count} inferences of {count}")
        return result

    def read_output(self, index: int) -> bytes:
        """One whole output tensor."""
        return self._read(
            Command.READ_OUTPUT,
            lambda offset, length: struct.pack("<BIH", index, offset, length),
            0,
            self.device.output_bytes[index],
        )

    def read_arena(self, offset: int, length: int) -> bytes:
        """Bytes of the arena as they are now."""
        return self._read(
            Command.READ_ARENA,
            lambda at, part: struct.pack("<IH", at, part),
            offset,
            length,
        )

    def _read(
        self, command: Command, request: Callable[[int, int], bytes], offset: int, length: int
    ) -> bytes:
        step = self.device.max_payload - 1
        parts = []
        for at in range(offset, offset + length, step):
            part = min(step, offset + length - at)
            parts.append(self._exactly(part, command, request(at, part)))
        return b"".join(parts)

    def _write_inputs(self, inputs: Sequence[bytes]) -> None:
        expected = len(self.device.input_bytes)
        if len(inputs) != expected:
            raise DeviceError(f"the model on the device has {expected} inputs, not {len(inputs)}")
        for index, data in enumerate(inputs):
            self.write_input(index, data)

    def _per_layer(self, command: Command, inputs: Sequence[bytes]) -> tuple[int, ...]:
        def sample() -> tuple[int, ...]:
            self._write_inputs(inputs)
            values: list[int] = []
            step = (self.device.max_payload - 1) // 4
            while len(values) < self.device.layers:
                count = min(step, self.device.layers - len(values))
                request = struct.pack("<HH", len(values), count)
                values += struct.unpack(f"<{count}I", self._exactly(4 * count, command, request))
            return tuple(values)

        return self._whole(sample)

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

    def _exactly(self, length: int, command: Command, payload: bytes) -> bytes:
        answer = self._request(command, payload, length)
        if len(answer) != length:
            raise DeviceError(
                f"the device answered {command.name} with {len(answer)} bytes, not {length}"
            )
        return answer

    def _request(self, command: Command, payload: bytes, answer_bytes: int = 64) -> bytes:
        patience = self._patience.run if command in _RUNS else self._patience.answer
        return self._link.request(command, payload, patience=patience, answer_bytes=answer_bytes)

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
