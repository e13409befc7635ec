"""Cycles of a network on a board: by itself, and in the firmware of that board."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tinygen import board_cycles, boards, firmware
from tinygen.compiler import compile_graph
from tinygen.device import emulators
from tinygen.device.session import Session
from tinygen.device.transport import SerialTransport
from tinygen.frontend import tflite
from tinygen.verify.target import on_target

pytestmark = pytest.mark.skipif(
    not shutil.which("arm-none-eabi-gcc"), reason="arm-none-eabi-gcc is not installed"
)
MODEL = Path(__file__).parent / "models" / "digits_autoencoder.tflite"


@pytest.fixture(scope="module", params=["nucleo_l4r5zi", "nucleo_f746zg"])
def case(request):
    board = boards.load_board(request.param)
    return board, compile_graph(tflite.load(MODEL), board.cpu, kernels="tinygen")


def with_waits(board, waits):
    access = board.flash.access.model_copy(update={"wait_states": waits})
    flash = board.flash.model_copy(update={"access": access})
    memory = tuple(flash if region.kind == "flash" else region for region in board.memory)
    return board.model_copy(update={"memory": memory})


def test_every_layer_waits_for_slow_memory(case):
    board, compiled = case
    spent = [
        board_cycles.measure(compiled, with_waits(board, waits), copy=False).layers
        for waits in (0, 4, 9)
    ]
    for layer in spent[0]:
        cycles = [layers[layer] for layers in spent]
        assert cycles == sorted(cycles)
        assert cycles[0] < cycles[-1]
    assert list(spent[0]) == [layer.node.name for layer in compiled.executed]


def test_memory_that_answers_at_once_takes_what_the_pipeline_does(case):
    board, compiled = case
    plain = board.model_copy(
        update={
            "memory_system": None,
            "memory": tuple(r.model_copy(update={"access": None}) for r in board.memory),
        }
    )
    inputs = tuple(np.zeros(tensor.shape, np.int8) for tensor in compiled.graph.inputs)
    costs = on_target(compiled, [inputs]).costs
    found = board_cycles.measure(compiled, plain)
    assert list(found.layers.values()) == [cost.cycles_modelled for cost in costs]


def test_copies_save_what_was_waited_for(case):
    board, compiled = case
    slow = board_cycles.measure(compiled, board, copy=False)
    fast = board_cycles.measure(compiled, board)
    assert fast.total < slow.total
    assert sum(symbol.reads for symbol in fast.copies.symbols) > 10_000
    assert board_cycles.measure(compiled, board) == fast


def test_no_table_no_cycles():
    board = boards.load_board("mps3_an547")
    compiled = compile_graph(tflite.load(MODEL), board.cpu, kernels="tinygen")
    assert board_cycles.measure(compiled, board) is None


@pytest.mark.slow
@pytest.mark.parametrize("copy", [True, False])
def test_firmware_takes_the_cycles_of_its_layers(case, copy, tmp_path):
    """And computes the same with its code and constants moved."""
    board, compiled = case
    timing = board_cycles.measure(compiled, board, copy=copy)
    image = firmware.build(compiled, board, tmp_path, bytes(32), copies=timing.copies)
    moved = {name: sum(s.room for s in found) for name, found in timing.copies.regions.items()}
    assert image.copied_bytes.keys() == moved.keys()
    for region, nbytes in image.copied_bytes.items():
        assert nbytes == pytest.approx(moved[region], rel=0.05)
    inputs = [bytes(tensor.nbytes) for tensor in compiled.graph.inputs]
    with (
        emulators.start(board, image.elf) as emulator,
        Session(SerialTransport(emulator.url, board.console.baud)) as session,
    ):
        session.infer(inputs)
        counts = emulator.counts()
        session.infer(inputs)
        again = emulator.counts()
    # The window also holds the pin, the counter and the loop over layers, all in flash.
    assert 0 < counts.cycles_modelled - timing.total < 500 + 0.03 * timing.total
    assert again.cycles_modelled == pytest.approx(2 * counts.cycles_modelled, rel=0.001)
