"""Firmware of the personality mlperf-tiny on emulated boards, by the command line."""

import contextlib
import json
import os
import shutil
import signal
import time

import mlperf_host
import numpy as np
import pytest
from mlperf_host import emulate

from tinygen import boards, cli, compiler, firmware
from tinygen.device import emulators
from tinygen.device.emulators.image import read_image
from tinygen.device.emulators.machine import Machine
from tinygen.device.transport import SerialTransport
from tinygen.mlperf_tiny import personality
from tinygen.mlperf_tiny.client import Client
from tinygen.tflite_format.writer import write

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="needs arm-none-eabi-gcc"),
]
needs_qemu = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None, reason="needs qemu-system-arm"
)
NUCLEO = boards.load_board("nucleo_f746")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Keyword spotting for the nucleo_f746, as ``tinygen build`` leaves it."""
    place = tmp_path_factory.mktemp("built")
    (place / "kws.tflite").write_bytes(write(mlperf_host.graph("kws")))
    options = ["--board", "nucleo_f746", "--personality", "mlperf-tiny", "--proof", "host"]
    made = place / "firmware"
    arguments = ["build", place / "kws.tflite", *options, "--kernels", "tinygen", "-o", made]
    assert cli.run([str(argument) for argument in arguments]) == 0
    return made


def image(board, name, mode, place):
    """Firmware of one of the small models."""
    graph = mlperf_host.graph(name)
    compiled = compiler.compile_graph(graph, board.cpu, kernels="tinygen")
    spoken = personality.personality(graph, board, mode)
    return firmware.build(compiled, board, place, bytes(32), personality=spoken)


def test_a_low_power_uart_divides_its_clock_for_a_slow_line(tmp_path):
    """LPUART_BRR has 20 bits of 256ths, LPUART_PRESC stands before it (RM0432)."""
    board = boards.load_board("nucleo_l4r5zi")
    built = image(board, "kws", "energy", tmp_path / "firmware")
    machine = Machine(board, read_image(built.elf), lambda byte: None)
    machine.cpu.run(lambda: False)  # until the firmware waits for the host
    divider, prescaler = (
        int.from_bytes(machine.cpu.read(0x4000_8000 + offset, 4), "little")
        for offset in (0x0C, 0x2C)
    )
    assert 0x300 <= divider < 1 << 20
    assert prescaler == 0b0100
    assert board.clock.hz / 8 / (divider / 256) == pytest.approx(9600, rel=0.001)


@contextlib.contextmanager
def client(url, baud=115_200):
    with contextlib.closing(SerialTransport(url, baud)) as line:
        yield Client(line)


@pytest.mark.parametrize(
    ("board", "name"),
    [
        pytest.param("mps3_an547", "ic", marks=needs_qemu),
        pytest.param("microbit", "kws", marks=needs_qemu),
        ("nucleo_g0b1re", "ad"),
        ("nrf52840_dk", "vww"),
    ],
)
def test_boards_of_all_kinds_compute_what_the_reference_does(tmp_path, board, name):
    board, model = boards.load_board(board), mlperf_host.graph(name)
    built = image(board, name, "performance", tmp_path / "firmware")
    with emulators.start(board, built.elf) as emulator, client(emulator.url) as device:
        (stored,) = mlperf_host.samples(name, 1, seed=8)
        if name == "ad":
            window = np.random.default_rng(2).normal(0, 6, 640).astype("<f4")
            device.load(window.tobytes())
            expected = (mlperf_host.reconstruction_error(model, window),)
        else:
            device.load((stored if name == "kws" else stored ^ -128).tobytes())
            expected = mlperf_host.classified(model, stored)
        one, many = device.infer(1), device.infer(50, 1)
        assert one.results == many.results == expected
        assert many.seconds == pytest.approx(50 * one.seconds, rel=0.05, abs=100e-6)


def test_a_window_takes_the_time_that_its_instructions_do(folder):
    (elf,) = folder.rglob("firmware.elf")
    with emulators.start(NUCLEO, elf) as emulator, client(emulator.url) as device:
        device.load(bytes(490))
        emulator.clear_counts()
        seconds = device.infer(200).seconds
        counts = emulator.counts()
    assert counts.windows == 1
    assert counts.instructions / NUCLEO.clock.hz == pytest.approx(seconds, rel=0.001, abs=2e-6)


def test_energy_mode_gives_an_edge_at_either_end(tmp_path):
    built = image(NUCLEO, "kws", "energy", tmp_path / "firmware")
    with emulators.start(NUCLEO, built.elf) as emulator, client(emulator.url, 9600) as device:
        device.load(bytes(490))
        edges = []
        for ask in (lambda: device.ask("timestamp"), lambda: device.infer(3), device.model):
            emulator.clear_counts()
            ask()
            edges.append(emulator.counts().windows)
    assert edges == [1, 2, 0]


@pytest.fixture(scope="module")
def port(folder, tmp_path_factory):
    """The name of a board's port that ``tinygen emulate`` serves."""
    link = tmp_path_factory.mktemp("port") / "dut"
    with emulate(folder, "--link", link) as (process, said):
        assert said == str(link)
        yield said
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert not link.is_symlink(), "the port goes away with the emulator"


def test_programs_open_the_emulated_port_one_after_the_other(port):
    model = mlperf_host.graph("kws")
    for stored in mlperf_host.samples("kws", 3):
        with client(port) as device:
            device.load(stored.tobytes())
            assert device.infer(1).results == mlperf_host.classified(model, stored)


def test_what_nobody_reads_is_not_kept_for_the_next_program(port):
    descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY)
    os.write(descriptor, b"help%")
    time.sleep(0.01)
    os.close(descriptor)
    time.sleep(0.5)
    with contextlib.closing(SerialTransport(port)) as line:
        assert line.read(0.3) == b""
        line.write(b"name%")
        assert line.read(5).startswith(b"m-name-dut-[nucleo_f746zg]")


def test_a_tcp_port_is_served_until_ctrl_c(folder):
    with emulate(folder, "--tcp") as (process, url):
        with client(url) as device:
            assert device.model() == "kws01"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_a_file_is_not_taken_for_a_link(folder, tmp_path, capsys):
    (tmp_path / "dut").write_text("mine")
    assert cli.run(["emulate", str(folder), "--link", str(tmp_path / "dut")]) == 2
    assert "exists and is no link; name another one with --link" in capsys.readouterr().err
    assert (tmp_path / "dut").read_text() == "mine"


def test_the_runner_is_prepared(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savez("samples.npz", x=mlperf_host.samples("kws", 7), y=np.arange(7))
    arguments = ["--emulator", "--data", "samples.npz", "--limit", "6", "--json", "found.json"]
    assert cli.run(["mlperf", str(folder), *arguments]) == 0
    found = json.loads((tmp_path / "found.json").read_text())
    assert (found["benchmark"], found["emulated"], found["valid"]) == ("kws01", True, True)
    assert 11 <= found["inferences"] * found["latency_ms"] / 1000 == found["window_seconds"] < 12
    made = tmp_path / "mlperf" / "nucleo_f746zg"
    assert f"infer {found['inferences']} 10" in (made / "tests_performance.yaml").read_text()
    assert len(list((made / "datasets" / "kws01").glob("*.bin"))) == 6
    text = capsys.readouterr().out
    assert f"-d {made}/devices.yaml -t {made}/tests_accuracy.yaml" in text
    assert f"tinygen emulate {folder} --link {made}.port" in text


def test_energy_is_not_measured_on_an_emulator(folder, tmp_path, capsys):
    shutil.copytree(folder, tmp_path / "energy")
    record = tmp_path / "energy" / personality.RECORD
    record.write_text(record.read_text().replace("performance", "energy"))
    assert cli.run(["mlperf", str(tmp_path / "energy"), "--emulator"]) == 2
    assert "energy is metered on a board" in capsys.readouterr().err


def test_other_commands_say_what_the_firmware_speaks(folder, capsys):
    assert cli.run(["test", str(folder), "--emulator"]) == 2
    assert "speaks the protocol of mlperf-tiny; build it without" in capsys.readouterr().err
