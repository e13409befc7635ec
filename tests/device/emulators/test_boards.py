"""Emulated boards with real firmware images, over the real protocol."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from device import images
from tinygen import boards
from tinygen.device import emulators
from tinygen.device.emulators.image import read_image
from tinygen.device.emulators.machine import Machine
from tinygen.device.emulators.unicorn_board import UnicornBoard
from tinygen.device.faults import Faults, FaultyTransport
from tinygen.device.session import Expected, Patience, Session
from tinygen.device.transport import SerialTransport
from tinygen.errors import BoardError, BuildError, DeviceError, ToolchainError

needs_compiler = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None, reason="needs arm-none-eabi-gcc"
)
needs_qemu = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None, reason="needs qemu-system-arm"
)


def _case(board):
    marks = [needs_compiler]
    if board.emulator.kind == "qemu":
        marks.append(needs_qemu)
    if board.name not in ("nucleo_f746zg", "mps2_an386"):
        marks.append(pytest.mark.slow)
    return pytest.param(board, id=board.name, marks=marks)


EMULATED = [_case(board) for board in boards.all_boards() if board.emulator]
NUCLEO = boards.load_board("nucleo_f746zg")


def samples(count):
    generator = random.Random(count)
    return [(generator.randbytes(48), generator.randbytes(2)) for _ in range(count)]


def session_on(emulator, board, **options):
    return Session(SerialTransport(emulator.url, board.console.baud), **options)


@pytest.mark.parametrize("board", EMULATED)
def test_a_board_answers_computes_faults_and_comes_back(board):
    def told(status):
        """Armv6-M has no registers to say it with."""
        return status if board.cpu.mainline else 0

    image = images.build(board.name)
    expected = Expected(images.MODEL_SHA256, image.build_id)
    with (
        emulators.start(board, image.elf) as emulator,
        session_on(emulator, board, expected=expected) as session,
    ):
        assert session.device.board == board.name
        assert session.device.clock_hz == board.clock.hz
        spent = set()
        for inputs in samples(5):
            inference = session.infer(inputs)
            assert inference.outputs == images.outputs(*inputs)
            spent.add(emulator.instructions(inference.ticks, session.device.counter_hz))
        assert len(spent) == 1, "equal work takes equal instructions, whatever the data"
        assert 10_000 < spent.pop() < 30_000
        profile = session.profile(inputs)
        assert profile[0] < profile[1]

        boot_id = session.device.boot_id
        assert session.reset().boot_id == boot_id + 1
        assert session.fault() is None
        assert session.provoke_fault(0).boot_id == boot_id + 2
        fault = session.fault(clear=True)
        assert (fault.boot_id, fault.cfsr) == (boot_id + 1, told(1 << 16))  # UNDEFINSTR
        session.provoke_fault(1)
        fault = session.fault()
        assert fault.address == told(0xE800_0000)
        assert session.infer(inputs).outputs == images.outputs(*inputs)


@needs_compiler
@pytest.mark.slow
def test_systick_goes_on_where_its_24_bits_end():
    board = boards.load_board("nucleo_g0b1re")
    (inputs,) = samples(1)
    with (
        emulators.start(board, images.build(board.name).elf) as emulator,
        session_on(emulator, board) as session,
    ):
        one = session.infer(inputs).ticks
        many = session.measure(inputs, 5000).ticks
    assert many > 4 << 24
    assert many / 5000 == pytest.approx(one, abs=1)


@needs_qemu
@needs_compiler
@pytest.mark.slow
def test_both_emulators_agree_on_the_microbit():
    """QEMU's models of its peripherals are not ours, and its counts come from SysTick."""
    board = boards.load_board("microbit")
    ours = board.model_copy(update={"emulator": boards.UnicornEmulator(kind="unicorn")})
    image = images.build(board.name)
    (inputs,) = samples(1)
    spent = []
    for emulated in (board, ours):
        with (
            emulators.start(emulated, image.elf) as emulator,
            session_on(emulator, emulated) as session,
        ):
            inference = session.infer(inputs)
            assert inference.outputs == images.outputs(*inputs)
            spent.append(emulator.instructions(inference.ticks, session.device.counter_hz))
    assert spent[0] == spent[1] > 10_000


@needs_compiler
def test_counts_cover_inferences_alone_and_repeat():
    image = images.build(NUCLEO.name)
    found = []
    for _ in range(2):
        with (
            emulators.start(NUCLEO, image.elf) as emulator,
            session_on(emulator, NUCLEO) as session,
        ):
            (inputs,) = samples(1)
            session.memory()
            assert emulator.counts().instructions == 0
            ticks = session.infer(inputs).ticks
            first = emulator.counts()
            assert first.windows == 1
            assert 0 <= first.instructions - ticks < 100, "the window holds the counter's readings"
            assert first.instructions / 2 < first.cycles_modelled < first.instructions * 3
            session.measure(inputs, 3)
            assert emulator.counts().windows == 2
            emulator.clear_counts()
            assert emulator.counts().instructions == 0
            session.infer(inputs)
            assert emulator.counts() == first
            found.append(first)
    assert found[0] == found[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "board", [case for case in EMULATED if case.id in ("nucleo_f746zg", "mps2_an386")]
)
def test_nothing_is_lost_on_a_bad_line_to_an_emulated_board(board):
    image = images.build(board.name)
    with emulators.start(board, image.elf) as emulator:
        line = FaultyTransport(
            SerialTransport(emulator.url, 100_000_000),
            Faults(drop=0.05, corrupt=0.05, duplicate=0.05),
            seed=7,
        )
        with Session(line, patience=Patience(shortest_wait=0.005)) as session:
            for inputs in samples(200):
                assert session.infer(inputs).outputs == images.outputs(*inputs)
            assert session.statistics.retries > 100


@needs_compiler
def test_a_host_may_hang_up_and_call_again():
    image = images.build(NUCLEO.name)
    with emulators.start(NUCLEO, image.elf) as emulator:
        boots = set()
        for inputs in samples(3):
            with session_on(emulator, NUCLEO) as session:
                assert session.infer(inputs).outputs == images.outputs(*inputs)
                boots.add(session.device.boot_id)
        assert len(boots) == 1


@needs_compiler
def test_an_emulator_ends_with_its_parent():
    image = images.build(NUCLEO.name)
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from tinygen import boards;"
            "from tinygen.device import emulators;"
            "e = emulators.start(boards.load_board('nucleo_f746zg'), Path(sys.argv[1]));"
            "print(e._process.pid, flush=True); time.sleep(60)",
            image.elf,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(100):
        if not _running(child):
            return
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the emulator has outlived its parent")


def _running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_board_without_an_emulator_is_refused(tmp_path):
    board = NUCLEO.model_copy(update={"emulator": None})
    with pytest.raises(BoardError, match="nucleo_f746zg has no emulator"):
        emulators.start(board, tmp_path / "image.elf")


@needs_compiler
def test_a_missing_qemu_names_its_package(monkeypatch):
    elf = images.build("mps2_an386").elf
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolchainError, match="apt install qemu-system-arm"):
        emulators.start(boards.load_board("mps2_an386"), elf)


@needs_qemu
@needs_compiler
def test_what_qemu_says_is_passed_on():
    board = boards.load_board("mps2_an386")
    unknown = board.emulator.model_copy(update={"machine": "mps9"})
    board = board.model_copy(update={"emulator": unknown})
    with pytest.raises(
        DeviceError, match=r"QEMU does not run board mps2_an386: .*unsupported machine"
    ):
        emulators.start(board, images.build("mps2_an386").elf)


def test_an_image_that_is_none_is_refused(tmp_path):
    broken = tmp_path / "broken.elf"
    broken.write_bytes(b"no image")
    for name in ("nucleo_f746zg", "mps2_an386"):
        with pytest.raises(BuildError, match=r"broken\.elf: not a linked image"):
            emulators.start(boards.load_board(name), broken)


@needs_compiler
def test_a_board_that_is_not_modelled_is_refused():
    console = NUCLEO.console.model_copy(update={"peripheral": "uart9"})
    board = NUCLEO.model_copy(update={"console": console})
    with pytest.raises(BoardError, match="with console uart9 cannot be emulated"):
        Machine(board, read_image(images.build(NUCLEO.name).elf), lambda byte: None)


@needs_compiler
def test_an_emulator_that_dies_says_so():
    with UnicornBoard(NUCLEO, images.build(NUCLEO.name).elf) as emulator:
        emulator._process.kill()
        with pytest.raises(DeviceError, match="nucleo_f746zg ended with exit code -9"):
            emulator.counts()


def test_ticks_of_a_timer_become_instructions():
    from tinygen.device.emulators.qemu import QemuBoard

    board = SimpleNamespace(_shift=7)
    assert QemuBoard.instructions(board, 3200, 25_000_000) == 1000
    assert QemuBoard.instructions(board, 4096, 32_000_000) == 1000
