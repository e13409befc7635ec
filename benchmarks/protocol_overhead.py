"""What the serial protocol costs: time beside the inference on a board, and input per second.

    python benchmarks/protocol_overhead.py MODEL.tflite [--board NAME] [--inferences N]

The host keeps the line busy, so the line works while the device computes. Where it is the faster
of the two (``line_ms`` below ``inference_ms``), all that is left is what the device executes
outside the network, modelled by the core's cost table, with an interrupt for each byte of either
direction. docs/protocol.md says what counts as overhead of the protocol.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from tinygen import boards, built, data, pipeline
from tinygen.config import Build, Model, Settings
from tinygen.device import cycles, emulators
from tinygen.device.emulators.image import read_image
from tinygen.device.emulators.machine import Machine
from tinygen.device.protocol import MAX_PAYLOAD, Command, FrameReader, encode
from tinygen.device.requests import read_output, run, write_input
from tinygen.device.session import Expected, Session
from tinygen.device.transport import SerialTransport
from tinygen.progress import Silent

# Stacking and unstacking of an exception with all memory at no wait states (Armv7-M: 12 cycles
# each on a Cortex-M4; a Cortex-M7 is not slower). The cost table only knows instructions.
ENTRY_AND_EXIT = 24
BITS_PER_BYTE = 10


# Functions of the drivers: what moves bytes between the line and memory, whatever they mean.
INTERRUPT = ("exception_console", "receive", "transmit", "uart_receive", "uart_may_send")
DRIVER = (*INTERRUPT, "uart_send", "uart_interrupt_to_send", "console_getc", "console_write")


@dataclass(frozen=True)
class Overhead:
    """Per inference. Cycles are modelled; ``line_ms`` is the longer of the two directions.

    ``outside_cycles`` is everything but the network. ``protocol_cycles`` leaves out what moving
    the payload alone would take.
    """

    payload_bytes: int
    sent_bytes: int
    received_bytes: int
    inference_cycles: int
    outside_cycles: int
    protocol_cycles: int
    inference_ms: float
    line_ms: float
    outside_percent: float
    protocol_percent: float


def frames(graph):
    """The requests of one inference as they are on the line."""
    sample = data.random(graph.inputs, 1).raw(0)
    outputs = [tensor.size * tensor.dtype.itemsize for tensor in graph.outputs]
    steps = [step for i, value in enumerate(sample) for step in write_input(i, value, MAX_PAYLOAD)]
    steps.append(run())
    steps += [s for i, nbytes in enumerate(outputs) for s in read_output(i, nbytes, MAX_PAYLOAD)]
    return [encode(s.command, 2 + number, s.payload) for number, s in enumerate(steps)]


def executed(under_test, pieces, *, all_of_it):
    """Modelled cycles by function of one inference, or of all that happens, and bytes answered.

    ``pieces`` arrive one by one, each when the device has nothing left to do.
    """
    board = under_test.board
    unwatched = board if not all_of_it else board.model_copy(update={"trigger": None})
    sent = bytearray()
    image = read_image(under_test.elf)
    machine = Machine(unwatched, image, sent.append)
    counter = machine.cpu.counter
    waiting = iter([encode(Command.HELLO, 1), None, *pieces])

    def sleep():
        piece = next(waiting, b"")
        if piece is None:  # the greeting is over
            sent.clear()
            counter.clear()
            if all_of_it:
                counter.open_window()
            piece = next(waiting)
        machine.console.deliver(piece)
        return bool(piece)

    machine.cpu.run(sleep)
    answers = FrameReader().feed(bytes(sent))
    if not answers or any(answer.status for answer in answers):
        raise RuntimeError("the device did not answer as it should")
    table, spent = cycles.model(board.cpu), Counter()
    for block in counter.blocks():
        function = image.function_at(block.address).split("+")[0]
        spent[function] += table.cycles([block], machine.cpu.read)
    return spent, len(sent)


def overhead(under_test):
    """What the protocol adds to an inference on this board."""
    graph, board = under_test.model.graph, under_test.board
    requests = b"".join(frames(graph))
    tensors = (*graph.inputs, *graph.outputs)
    payload = sum(tensor.size * tensor.dtype.itemsize for tensor in tensors)
    each = [bytes([byte]) for byte in requests]
    inference = executed(under_test, [requests], all_of_it=False)[0].total()
    at_once, answer_bytes = executed(under_test, [requests], all_of_it=True)
    byte_by_byte, _ = executed(under_test, each, all_of_it=True)
    # Every byte but the first had an interrupt of its own the second time; so has each that leaves.
    more = sum(byte_by_byte[name] - at_once[name] for name in INTERRUPT)
    interrupt = more / (len(requests) - 1) + ENTRY_AND_EXIT
    line_bytes = len(requests) + answer_bytes
    outside = at_once.total() - inference + line_bytes * interrupt
    moved = sum(at_once[name] for name in DRIVER) + line_bytes * interrupt
    protocol = outside - moved * payload / line_bytes
    line = max(len(requests), answer_bytes) * BITS_PER_BYTE / board.console.baud
    return Overhead(
        payload_bytes=payload,
        sent_bytes=len(requests),
        received_bytes=answer_bytes,
        inference_cycles=inference,
        outside_cycles=round(outside),
        protocol_cycles=round(protocol),
        inference_ms=round(1e3 * inference / board.clock.hz, 3),
        line_ms=round(1e3 * line, 3),
        outside_percent=round(100 * outside / inference, 2),
        protocol_percent=round(100 * protocol / inference, 2),
    )


def input_rate(under_test, inferences):
    """Bytes of input per second that the emulated board takes over its serial line."""
    expected = Expected(under_test.model_sha256, under_test.build_id)
    samples = data.random(under_test.model.graph.inputs, inferences)
    with (
        emulators.start(under_test.board, under_test.elf) as emulator,
        Session(SerialTransport(emulator.url, under_test.board.console.baud), expected) as session,
    ):
        session.infer(samples.raw(0))
        nbytes = 0
        started = time.monotonic()
        for index in range(inferences):
            for number, value in enumerate(samples.raw(index)):
                session.write_input(number, value)
                nbytes += len(value)
        return nbytes / (time.monotonic() - started)


def firmware(model, board, folder):
    """The model built for the board, as it is read back."""
    settings = Settings(
        model=Model(path=model),
        build=Build(board=board, kernels="tinygen", proof="host", output=folder),
    )
    pipeline.build_firmware(settings, Silent())
    return built.read(folder)


def main():
    """Print both as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--board", default="nucleo_f746")
    parser.add_argument("--inferences", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        under_test = firmware(options.model, options.board, Path(folder) / "firmware")
        figures = asdict(overhead(under_test))
        rate = input_rate(under_test, options.inferences)
    print(json.dumps({"board": boards.load_board(options.board).name, **figures}, indent=2))
    print(json.dumps({"input_bytes_per_second": round(rate)}))


if __name__ == "__main__":
    main()
