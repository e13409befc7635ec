"""A device that runs a small committed network: emulated, or a real board behind a port."""

import hashlib
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tinygen import boards, data, firmware, models
from tinygen.compiler import compile_graph
from tinygen.device import emulators, flash
from tinygen.device.session import Expected, Session
from tinygen.device.transport import SerialTransport

MODELS = Path(__file__).parents[1] / "tests" / "models"


@pytest.fixture(scope="session")
def firmware_under_test(tmp_path_factory):
    """The network, as read and as compiled, its samples and its image for the board."""
    board = boards.load_board(os.environ.get("TINYGEN_BOARD", "nucleo_f746zg"))
    model = models.load(MODELS / "digits_separable.tflite")
    compiled = compile_graph(model.graph, board.cpu, kernels="tinygen")
    sha256 = hashlib.sha256(model.data).digest()
    image = firmware.build(compiled, board, tmp_path_factory.mktemp("hil"), sha256)
    samples = data.load(MODELS / "digits_separable.npz", model.graph.inputs, 100)
    return SimpleNamespace(
        board=board, sha256=sha256, model=model, compiled=compiled, image=image, samples=samples
    )


@pytest.fixture(scope="session")
def connect(firmware_under_test):
    """Makes sessions with the device, one after another."""
    under_test = firmware_under_test
    expected = Expected(under_test.sha256, under_test.image.build_id)

    def on(url):
        def connect(wrap=lambda line: line):
            line = SerialTransport(url, under_test.board.console.baud)
            return Session(wrap(line), expected)

        return connect

    port = os.environ.get("TINYGEN_PORT")
    if port:
        folder = under_test.image.elf.parents[3]
        firmware.upload(folder, protocol=flash.choose(under_test.board))
        yield on(port)
        return
    with emulators.start(under_test.board, under_test.image.elf) as emulator:
        yield on(emulator.url)


@pytest.fixture
def session(connect):
    """A session with the device."""
    with connect() as session:
        yield session
