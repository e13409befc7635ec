import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import tiny_firmware
from tiny_firmware import SHA256

from tinygen import boards, cores, firmware
from tinygen.device import emulators
from tinygen.device.session import Session
from tinygen.device.transport import SerialTransport
from tinygen.errors import BudgetError, BuildError, ConfigError, DeviceError, ToolchainError
from tinygen.firmware import platformio, project

pytestmark = pytest.mark.skipif(
    not shutil.which("arm-none-eabi-gcc"), reason="needs arm-none-eabi-gcc"
)
needs_qemu = pytest.mark.skipif(not shutil.which("qemu-system-arm"), reason="needs QEMU")

KIB = 1024
FIRST = bytes(range(48))
BOARDS = [board.name for board in boards.all_boards()]
QEMU = [board.name for board in boards.all_boards() if board.emulator.kind == "qemu"]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """One image that the quick tests share."""
    return tiny_firmware.build(boards.load_board("mps2_an386"), tmp_path_factory.mktemp("an386"))


@pytest.fixture(scope="module")
def nucleo(tmp_path_factory):
    return tiny_firmware.build(boards.load_board("nucleo_f746"), tmp_path_factory.mktemp("f746"))


# ---- placement ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arena_bytes", "expected"),
    [
        (16_000, firmware.Placement("dtcm", "dtcm", "dtcm", "sram")),
        (58 * KIB, firmware.Placement("dtcm", "dtcm", "sram", "sram")),
        (61 * KIB, firmware.Placement("dtcm", "sram", "dtcm", "sram")),
        (256 * KIB, firmware.Placement("dtcm", "sram", "dtcm", "dtcm")),
    ],
)
def test_the_fastest_ram_with_room_is_chosen(arena_bytes, expected):
    assert firmware.place(boards.load_board("nucleo_f746"), arena_bytes) == expected


def test_the_stack_stands_where_nothing_of_ours_is_below_it():
    """Its guard would make the end of the RAM below inaccessible."""
    board = boards.load_board("nucleo_f746")
    flash, _, dtcm, sram = board.memory
    turned = board.model_copy(update={"memory": (flash, sram, dtcm)})
    assert firmware.place(turned, 16_000) == firmware.Placement("dtcm", "sram", "sram", "sram")


def test_an_arena_that_fits_nowhere():
    with pytest.raises(
        BudgetError,
        match=r"the arena needs 262,176 bytes .* nucleo_f746zg has 61,440 in dtcm and 262,144 in",
    ):
        firmware.place(boards.load_board("nucleo_f746"), 256 * KIB + 1)


def test_no_room_left_for_the_firmware():
    with pytest.raises(BudgetError, match=r"the firmware needs 6,144 bytes"):
        firmware.place(boards.load_board("nucleo_f446re"), 122 * KIB)


# ---- building -------------------------------------------------------------------------------


def test_sizes_of_an_image(image):
    assert image.flash_bytes == image.binary.stat().st_size
    assert image.flash_bytes == image.code_bytes + image.weights_bytes
    assert image.weights_bytes == 0
    assert 3_000 < image.code_bytes < 8_000
    assert image.arena_bytes == 2064
    assert image.stack_bytes == firmware.STACK_BYTES
    assert 100 < image.stack_bound < 1_000
    rest = image.ram_bytes - image.arena_bytes - image.stack_bytes
    assert 0 < rest <= firmware.placement.STATIC_BYTES
    assert image.symbols["network_invoke"] > 0


def test_a_stack_that_its_bound_does_not_fit_into_is_no_build(tmp_path):
    board = boards.load_board("mps2_an386")
    with pytest.raises(BuildError, match=r"may take \d+ bytes of stack, and 96 are reserved"):
        firmware.build(tiny_firmware.network(), board, tmp_path, SHA256, stack_bytes=96)


@pytest.mark.slow
def test_constants_of_weights_c_are_weights(tmp_path):
    header = "#include <stdint.h>\nextern const int8_t used[3000], unused[500];\n"
    weights = header + "const int8_t used[3000] = {1}; const int8_t unused[500] = {1};\n"
    network = tiny_firmware.network().files["network.c"]
    user = header + network.replace("second[0]", "second[0] + used[i]")
    image = tiny_firmware.build(
        boards.load_board("mps2_an386"), tmp_path, weights=weights, network=user
    )
    assert image.weights_bytes == 3000
    assert image.flash_bytes > 6000


@pytest.mark.slow
def test_the_project_builds_by_plain_pio_anywhere(image, tmp_path):
    """Moved, with nothing of tinygen in the environment; twice the same bytes."""
    moved = tmp_path / "moved"
    shutil.copytree(image.project, moved, ignore=shutil.ignore_patterns(".pio"))
    clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(
        platformio.command("run"), cwd=moved, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search(r"warning:", done.stdout + done.stderr)
    build = moved / ".pio" / "build" / "mps2_an386"
    assert (build / "firmware.bin").read_bytes() == image.binary.read_bytes()
    assert (build / "firmware.elf").read_bytes() == image.elf.read_bytes()
    assert not (tmp_path / ".platformio").exists()


def test_no_path_of_this_machine_is_in_an_image(image):
    assert str(image.project).encode() not in image.elf.read_bytes()


def test_the_build_id_follows_the_sources(image, tmp_path, monkeypatch):
    """Without building: the id is made of what would be built."""
    monkeypatch.setattr(platformio, "run", lambda *_: subprocess.CompletedProcess("", 1, "x"))
    board = boards.load_board("mps2_an386")

    def build_id(name, network):
        with pytest.raises(BuildError):
            firmware.build(network, board, tmp_path / name, SHA256)
        text = (tmp_path / name / "src" / "model.c").read_text()
        return bytes.fromhex("".join(re.findall(r"0x(..)", text.split(".sha256")[0])[-16:]))

    changed = tiny_firmware.network()
    changed.files["network.c"] += "\n"
    assert build_id("same", tiny_firmware.network()) == image.build_id
    assert build_id("changed", changed) != image.build_id


# ---- failures -------------------------------------------------------------------------------


@pytest.mark.slow
def test_too_much_flash(tmp_path):
    board = boards.load_board("nucleo_f446re")
    weights = "const char big[600000] = {1};\n"
    network = "extern const char big[600000];\n" + tiny_firmware.network().files[
        "network.c"
    ].replace("second[0]", "second[0] + big[i]")
    with pytest.raises(
        BudgetError, match=r"nucleo_f446re: it needs 60\d,\d\d\d bytes of flash, .* 524,288"
    ):
        tiny_firmware.build(board, tmp_path, weights=weights, network=network)


@pytest.mark.slow
def test_c_that_does_not_compile(tmp_path):
    with pytest.raises(BuildError, match=r"mps2_an386 failed: .*extra\.c:1:.*error:") as caught:
        tiny_firmware.build(boards.load_board("mps2_an386"), tmp_path, extra="int x = ;\n")
    log = Path(re.search(r"log: (.*)\)", str(caught.value)).group(1))
    assert "extra.c" in log.read_text()
    log.unlink()


def test_a_missing_compiler_is_named_with_its_package(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolchainError, match="apt install gcc-arm-none-eabi"):
        tiny_firmware.build(boards.load_board("mps2_an386"), tmp_path / "out")


# ---- flashing: the real programs are replaced by ones that write down their arguments ---------


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A folder of stubs on PATH; calling it returns what a stub was called with."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("openocd", "pyocd"):
        stub = folder / name
        stub.write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$@" > {folder}/{name}.log\nexit ${{CODE:-0}}\n'
        )
        stub.chmod(stub.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return lambda name: (folder / f"{name}.log").read_text().splitlines()


def test_openocd_programs_verifies_and_starts(nucleo, tools, capfd):
    firmware.upload(nucleo.project)
    script, program = tools("openocd")[1::2]
    assert script == "board/st_nucleo_f7.cfg"
    assert re.fullmatch(r"program \{.*/firmware\.elf\} verify reset exit", program)
    assert "openocd -f board/st_nucleo_f7.cfg -c program" in capfd.readouterr().out


def test_openocd_takes_the_probe(nucleo, tools):
    firmware.upload(nucleo.project, protocol="openocd", port="066CFF")
    assert tools("openocd")[2:4] == ["-c", "adapter serial 066CFF"]


def test_pyocd_takes_the_probe(nucleo, tools):
    firmware.upload(nucleo.project, protocol="pyocd", port="066CFF")
    assert tools("pyocd")[:5] == ["load", "--target", "stm32f746zgtx", "--uid", "066CFF"]


def test_mass_storage_copies_the_binary(nucleo, tmp_path):
    firmware.upload(nucleo.project, protocol="mass_storage", port=str(tmp_path))
    assert (tmp_path / "firmware.bin").read_bytes() == nucleo.binary.read_bytes()


def test_a_tool_that_fails(nucleo, tools, monkeypatch):
    monkeypatch.setenv("CODE", "3")
    with pytest.raises(DeviceError, match=r"flashing .* failed"):
        firmware.upload(nucleo.project)


def test_an_unknown_protocol_names_those_of_the_board(nucleo, capfd):
    with pytest.raises(DeviceError):
        firmware.upload(nucleo.project, protocol="carrier-pigeon")
    assert "it knows openocd, pyocd, mass_storage" in capfd.readouterr().err


def test_a_board_that_cannot_be_flashed(image, capfd):
    with pytest.raises(DeviceError):
        firmware.upload(image.project)
    assert "use its emulator" in capfd.readouterr().err


def test_nothing_to_flash(tmp_path):
    with pytest.raises(ConfigError, match="run 'tinygen build' first"):
        firmware.upload(tmp_path)


# ---- running --------------------------------------------------------------------------------


def converse(session, image):
    """Everything a board can be asked; the answers of the small network are known."""
    assert session.device.model_sha256 == SHA256
    inference = session.infer([FIRST, b"\x05\x07"])
    assert inference.outputs[0] == bytes(i + 5 for i in range(48))
    assert inference.outputs[1] == bytes((7 + 3 * i) & 0xFF for i in range(2000))
    assert session.measure([FIRST, b"\x05\x07"], 20).count == 20
    memory = session.memory()
    assert 0 < memory.stack_high_water <= image.stack_bound < memory.stack
    assert 2048 <= memory.arena_high_water <= memory.arena


def reset_and_fault(session, board, image):
    def told(status):
        """Armv6-M has no registers to say it with."""
        return status if board.cpu.mainline else 0

    boot = session.device.boot_id
    assert session.reset().boot_id == boot + 1
    session.provoke_fault(0)
    undefined = session.fault(clear=True)
    assert undefined.cfsr == told(1 << 16)  # UNDEFINSTR
    assert board.flash.origin < undefined.pc < board.flash.origin + image.flash_bytes
    session.provoke_fault(1)
    bad = session.fault(clear=True)
    assert bad.cfsr == told(0x8200)  # PRECISERR, BFARVALID
    assert bad.address == told(0xE800_0000)
    assert bad.boot_id == boot + 2
    assert session.fault() is None


@needs_qemu
def test_an_image_boots_and_answers(image):
    board = boards.load_board("mps2_an386")
    with tiny_firmware.qemu_session(board, image.elf) as session:
        assert session.device.build_id == image.build_id
        assert session.device.board == "mps2_an386"
        assert session.device.clock_hz == board.clock.hz
        converse(session, image)


@pytest.mark.slow
@pytest.mark.parametrize("name", BOARDS)
def test_every_board_builds_without_a_warning(name, tmp_path):
    board = boards.load_board(name)
    image = tiny_firmware.build(board, tmp_path)
    shutil.rmtree(tmp_path / ".pio" / "build")
    done = platformio.run(tmp_path)
    assert done.returncode == 0
    assert "warning" not in done.stdout.lower()
    assert 0 < image.stack_bound < image.stack_bytes
    assert image.binary.is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(BOARDS) - set(QEMU)))
def test_every_board_under_unicorn_converses_faults_and_comes_back(name, tmp_path):
    board = boards.load_board(name)
    image = tiny_firmware.build(board, tmp_path)
    with (
        emulators.start(board, image.elf) as running,
        Session(SerialTransport(running.url, board.console.baud)) as session,
    ):
        assert session.device.clock_hz == board.clock.hz
        assert session.device.build_id == image.build_id
        converse(session, image)
        reset_and_fault(session, board, image)


@needs_qemu
@pytest.mark.slow
@pytest.mark.parametrize("name", QEMU)
def test_every_board_under_qemu_converses_faults_and_comes_back(name, tmp_path):
    board = boards.load_board(name)
    image = tiny_firmware.build(board, tmp_path)
    with tiny_firmware.qemu_session(board, image.elf) as session:
        converse(session, image)
        reset_and_fault(session, board, image)


@needs_qemu
@pytest.mark.slow
@pytest.mark.parametrize("name", QEMU)
def test_counts_of_instructions_repeat_exactly(name, tmp_path):
    board = boards.load_board(name)
    image = tiny_firmware.build(board, tmp_path)
    with tiny_firmware.qemu_session(board, image.elf) as session:
        runs = [session.measure([FIRST, b"\x05\x07"], 1).ticks for _ in range(20)]
        counts = {round(tiny_firmware.instructions(board, session.device, t)) for t in runs}
    assert len(counts) == 1
    assert 10_000 < counts.pop() < 30_000


@needs_qemu
@pytest.mark.slow
def test_the_counter_goes_on_where_its_32_bits_end(image):
    board = boards.load_board("mps2_an386")
    inputs = [FIRST, b"\x05\x07"]
    with tiny_firmware.qemu_session(board, image.elf) as session:
        one = session.measure(inputs, 1).ticks
        many = session.measure(inputs, 150_000).ticks
    assert many > 1 << 32
    assert many / 150_000 == pytest.approx(one, abs=1)


OVERFLOW = """
static uint8_t recurse(volatile uint8_t *from, uint32_t depth)
{
    volatile uint8_t here[256];
    here[depth % 256u] = from[0];
    return depth == 0u ? here[0] : (uint8_t)(recurse(here, depth - 1u) + here[1]);
}
"""


@needs_qemu
@pytest.mark.slow
@pytest.mark.parametrize("name", QEMU)
def test_a_stack_overflow_is_a_fault_and_not_a_wrong_result(name, tmp_path):
    """Input 1 says how deep to go: 10 frames fit, 200 do not."""
    board = boards.load_board(name)
    network = tiny_firmware.network().files["network.c"]
    network = network.replace(
        "\nvoid network_invoke_layer", OVERFLOW + "\nvoid network_invoke_layer"
    )
    network = network.replace("second[0]);", "recurse(bytes, second[0]));")
    image = tiny_firmware.build(board, tmp_path, network=network)
    with tiny_firmware.qemu_session(board, image.elf) as session:
        boot = session.device.boot_id
        session.infer([FIRST, b"\x0a\x07"])
        assert session.memory().stack_high_water > 2000
        assert session.fault() is None
        session.write_input(0, FIRST)
        session.write_input(1, b"\xc8\x07")
        with pytest.raises(DeviceError):
            session.run()
        assert session.hello().boot_id == boot + 1
        overflow = session.fault()
        # DACCVIOL or MSTKERR of the guard region; STKOF where the core knows the limit itself.
        assert overflow.cfsr & 0x0010_0012 or not board.cpu.mainline
        assert overflow.boot_id == boot


def test_flags_of_the_proof_are_those_of_the_firmware(image):
    ini = (image.project / "platformio.ini").read_text()
    for flag in (*cores.core("cortex-m4").flags, *project.toolchain.target_flags("latency")):
        assert flag in ini
