"""Clients that compete for emulated boards, through labgrid's own coordinator and exporter."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tinygen import built, cli
from tinygen.device.emulators.tied import TiedProcess
from tinygen.errors import DeviceError, NoDeviceError
from tinygen.progress import Silent
from tinygen.rig import flashing
from tinygen.rig.coordinator import Coordinator

from . import lab as labs
from .lab import eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="needs arm-none-eabi-gcc"),
]
ROOT = Path(__file__).parents[2]
MODEL = ROOT / "tests" / "models" / "digits_separable.tflite"
EXPORTER = "bench"
BOARD = "nucleo_f746zg"
TAGS = {"board": BOARD}

# Runs until a file "go" is there, and says in which place.
CLIENT = """
import pathlib, time

def test_it(dut, dut_target):
    dut.verify(limit=2)
    pathlib.Path(f"{NAME}.place").write_text(dut_target.loan.place.name)
    deadline = time.monotonic() + 120
    while not pathlib.Path("go").exists():
        assert time.monotonic() < deadline
        dut.verify(limit=1)
    assert dut.figures().instructions > 10_000
    assert OUTCOME
"""


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    folder = tmp_path_factory.mktemp("firmware") / "built"
    options = ["--board", BOARD, "--kernels", "tinygen"]
    assert cli.run(["build", str(MODEL), *options, "-o", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """One exporter with two emulated boards."""
    folder = tmp_path_factory.mktemp("lab")
    boards = [f"{BOARD}:{port}" for port in labs.free_ports(2)]
    emulated = [word for board in boards for word in ("--emulated", board)]
    with labs.running(folder) as lab, contextlib.ExitStack() as open_processes:
        tinygen = [sys.executable, "-m", "tinygen", "rig"]
        with (folder / "serve.log").open("w") as log:
            served = TiedProcess([*tinygen, "serve", *emulated], stdout=log)
        open_processes.callback(served.end)
        said = (folder / "serve.log").read_text
        eventually(lambda: said().count("probe at") == 2, "the boards are not served")
        exported = subprocess.check_output([*tinygen, "exporter", *emulated], text=True)
        open_processes.callback(lab.export(EXPORTER, exported).end)
        places = [*tinygen, "places", *emulated, "--exporter", EXPORTER]
        lab.shell(subprocess.check_output(places, text=True))
        yield lab


@pytest.fixture
def client(lab, firmware, tmp_path):
    """Start a run of pytest that wants a board; gives the process and its output file."""
    with contextlib.ExitStack() as started:

        def call(name, outcome=True):
            source = CLIENT.replace("{NAME}", name).replace("OUTCOME", str(outcome))
            (tmp_path / f"test_{name}.py").write_text(source)
            options = ["--rig", lab.address, "--board", BOARD, "--firmware", str(firmware)]
            command = [sys.executable, "-m", "pytest", "-q", f"test_{name}.py", *options]
            output = tmp_path / f"{name}.log"
            with output.open("w") as log:
                process = subprocess.Popen(
                    [*command, "-p", "no:cacheprovider", "--rootdir", str(tmp_path)],
                    cwd=tmp_path,
                    env=os.environ | {"TINYGEN_LABGRID": str(lab.tools.programs.parent)},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            started.callback(process.wait)
            started.callback(process.kill)
            return process, output

        yield call


@pytest.fixture
def check(lab, capsys, monkeypatch):
    """Run `tinygen rig check`; gives the exit code, what it found by place, and what it said."""
    monkeypatch.setenv("TINYGEN_LABGRID", str(lab.tools.programs.parent))

    def call(*arguments, address=lab.address):
        code = cli.run(["rig", "check", "--coordinator", address, "--json", "-", *arguments])
        out, err = capsys.readouterr()
        assert code in (0, 4), err
        return code, {found["place"]: found for found in json.loads(out or "[]")}, err

    return call


def coordinator(lab, lease=90.0):
    return Coordinator(lab.address, lab.tools, lease)


def holders(lab):
    return {place.name: place.holder for place in coordinator(lab).places()}


def test_clients_compete_and_one_that_is_killed_frees_its_board(lab, client, tmp_path):
    first, second = client("first"), client("second")

    def place(name):
        file = tmp_path / f"{name}.place"
        return eventually(lambda: file.exists() and file.read_text(), f"{name} got no board")

    assert {place("first"), place("second")} == {BOARD, f"{BOARD}-2"}
    assert len(set(holders(lab).values()) - {None}) == 2
    third = client("third")
    eventually(lambda: "waiting" in third[1].read_text(), "the third does not wait")
    assert not (tmp_path / "third.place").exists()
    assert {first[0].poll(), second[0].poll()} == {None}

    first[0].send_signal(signal.SIGKILL)
    assert place("third") == place("first")
    (tmp_path / "go").touch()
    assert [process.wait(labs.SECONDS) for process, _ in (second, third)] == [0, 0]
    assert set(holders(lab).values()) == {None}


def test_a_run_that_fails_releases_its_board(lab, client, tmp_path):
    (tmp_path / "go").touch()
    process, output = client("failing", outcome=False)
    assert process.wait(labs.SECONDS) == 1, output.read_text()
    assert (tmp_path / "failing.place").exists()
    assert set(holders(lab).values()) == {None}


def test_the_tests_of_devices_run_through_a_coordinator(lab, firmware, tmp_path):
    junit = tmp_path / "junit.xml"
    device = ["--rig", lab.address, "--board", BOARD, "--firmware", firmware, "--require-hardware"]
    report = ["--junitxml", junit, "-o", "junit_family=xunit1", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "hil_tests", *device, *report],
        cwd=ROOT,
        env=os.environ | {"TINYGEN_LABGRID": str(lab.tools.programs.parent)},
        capture_output=True,
        text=True,
        timeout=5 * labs.SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert 'name="device" value="unicorn"' in junit.read_text()
    assert set(holders(lab).values()) == {None}


def test_a_holder_that_is_gone_with_all_its_processes_loses_its_board(lab):
    """As when its machine is lost: what would have released the board is killed as well."""
    lost = coordinator(lab, lease=2)

    def be_lost():
        with lost.hold({"name": BOARD}, Silent()):
            (agent,) = processes_with(lost.user)
            os.kill(agent, signal.SIGKILL)
            with coordinator(lab, lease=2).hold({"name": BOARD}, Silent(), wait=30) as place:
                assert place.name == BOARD

    with pytest.raises(DeviceError, match="stopped"):
        be_lost()
    assert holders(lab)[BOARD] is None


def test_a_holder_that_lives_keeps_its_board_however_long_others_wait(lab):
    with coordinator(lab, lease=1).hold({"name": BOARD}, Silent()) as place:
        with (
            pytest.raises(NoDeviceError, match=f"became free.*{BOARD} is with .*/tinygen-"),
            coordinator(lab, lease=1).hold({"name": BOARD}, Silent(), wait=4),
        ):
            raise AssertionError
        assert holders(lab)[BOARD] == place.holder


def test_a_board_that_is_taken_away_is_told_of(lab):
    held = coordinator(lab, lease=1)

    def lose_it():
        with held.hold(TAGS, Silent()) as place:
            lab.client("-p", place.name, "release", "--kick")
            eventually(lambda: not processes_with(held.user), "it was not noticed")

    with pytest.raises(DeviceError, match="was lost during the run"):
        lose_it()


def test_what_check_says(lab, check, firmware):
    flash = coordinator(lab)
    with flash.hold({"name": BOARD}, Silent()) as place:
        flashing.flash(flash, place, built.read(firmware), Silent())
        code, found, said = check("--board", "nucleo_f746", "--hello", "--tag", f"name={BOARD}")
        assert (code, list(found)) == (0, [BOARD]), said
        assert found[BOARD]["holder"] == place.holder
    code, found, _ = check("--hello", "--tag", f"name={BOARD}")
    assert code == 0
    assert found[BOARD]["answer"].startswith(f"{BOARD} with model")
    assert check("--board", "mps2_an386")[0] == 4
    code, _, said = check(address="127.0.0.1:1")
    assert (code, "cannot be used: it does not answer" in said) == (4, True)
    lab.client("-p", "bare", "create")
    code, found, said = check()
    lab.client("-p", "bare", "delete")
    assert code == 4
    assert [len(found[name]["faults"]) for name in (BOARD, f"{BOARD}-2", "bare")] == [0, 0, 2]
    assert "1 of 3 places cannot be used (bare)" in said


SSH = """#!/bin/sh
# Runs on this machine what was meant for another.
while [ $# -gt 0 ]; do
    case $1 in
        -O) exit 0 ;;
        -o) shift 2 ;;
        -*) shift ;;
        *) break ;;
    esac
done
shift
[ "$1" = -- ] && shift
exec sh -c "$*"
"""
REAL = """
real:
  console: {cls: NetworkSerialPort, host: 127.0.0.1, port: 1, protocol: raw}
  debugger:
    {cls: NetworkUSBDebugger, host: bench.test, busnum: 1, devnum: 2, path: 1-2,
     vendor_id: 1155, model_id: 14155}
"""


@pytest.mark.parametrize("code", [0, 3])
def test_a_real_board_is_flashed_by_openocd_on_its_exporter(
    lab, firmware, tmp_path, monkeypatch, code
):
    openocd = f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/asked\necho no probe >&2\nexit {code}\n'
    for name, script in (("ssh", SSH), ("openocd", openocd)):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    exporter = lab.export(f"real{code}", REAL)
    lab.shell(
        "labgrid-client -p real create\n"
        f"labgrid-client -p real add-match 'real{code}/real/*'\n"
        f"labgrid-client -p real set-tags board={BOARD}\n"
    )
    held = coordinator(lab)
    refused = (
        pytest.raises(DeviceError, match="flashing real failed")
        if code
        else contextlib.nullcontext()
    )
    try:
        with held.hold({"name": "real"}, Silent()) as place, refused:
            flashing.flash(held, place, built.read(firmware), Silent())
    finally:
        lab.client("-p", "real", "delete")
        exporter.end()
    asked = (tmp_path / "asked").read_text().splitlines()
    assert 'adapter usb location "1-2"' in asked
    assert "board/st_nucleo_f7.cfg" in asked
    image = built.read(firmware).elf.resolve()
    assert asked[-1] == f"program {image} verify reset exit"


def processes_with(word):
    """Processes that have this in their command line."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            if word.encode() in file.read_bytes():
                found.append(int(file.parent.name))
    return found
