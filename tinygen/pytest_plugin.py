"""Tests of firmware on a device, for pytest: the fixture ``dut``, its options and its markers.

    def test_accuracy(dut):
        assert dut.accuracy("samples.npz") >= 0.9

pytest loads this module wherever tinygen is installed, so it imports nothing but pytest until a
test asks for a device. docs/hil.md is the manual.

A suite that chooses its device or builds its firmware itself overrides ``dut_target`` or
``dut_firmware``.
"""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from tinygen.config import Settings
    from tinygen.device.power.meter import Meter
    from tinygen.dut import Bench
    from tinygen.hil.device_under_test import DeviceUnderTest
    from tinygen.hil.target import Target

T = TypeVar("T")

MARKERS = (
    "hil: needs a device; every test that uses dut has this mark",
    'board("name", ...): only for these boards',
    "energy: needs an energy figure; skipped where there is neither a meter nor a model",
    "slow: takes more than a few seconds",
)
# The property by which a report tells that its test had a device.
_DEVICE = "device"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options; what they stand for is kept under names that begin with tinygen_."""
    group = parser.getgroup("tinygen", "firmware that tinygen built, on a device")

    def option(name: str, **rest: object) -> None:
        group.addoption(name, dest=f"tinygen_{name[2:].replace('-', '_')}", **rest)

    option("--board", metavar="NAME", help="the board; by default [build] board in tinygen.toml")
    option("--port", metavar="PORT", help="its serial port; by default found by its USB ids")
    option("--emulator", action="store_true", help="run the board's image in its emulator")
    option(
        "--hardware-map",
        type=Path,
        metavar="FILE",
        help="YAML map of the boards that are plugged in, as Zephyr's twister writes it",
    )
    option(
        "--firmware",
        type=Path,
        metavar="DIR",
        help="what tinygen build wrote; by default [build] output in tinygen.toml, or build/BOARD",
    )
    option("--meter", metavar="METER", help="power meter; by default [power] meter in tinygen.toml")
    option("--flash", action="store_true", help="flash a real board before its first test")
    option(
        "--rig",
        metavar="HOST[:PORT]",
        help="reserve, flash and use a board of this labgrid coordinator",
    )
    option(
        "--rig-tag",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a tag that the board's place must have besides board=NAME; may be repeated",
    )
    option(
        "--rig-wait",
        type=float,
        metavar="SECONDS",
        help="how long to wait for a free board; by default for ever",
    )
    option(
        "--dut-json",
        type=Path,
        metavar="FILE",
        help="write outcomes and figures as JSON, as docs/hil.md describes",
    )
    option(
        "--require-hardware",
        action="store_true",
        help="fail where there is no device, and when no test has reached one",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The markers, the watch over --require-hardware, and --dut-json."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if hasattr(config, "workerinput"):
        return  # the reports of workers come to the process that started them
    if config.option.tinygen_require_hardware:
        config.pluginmanager.register(_Watch(config), "tinygen-watch")
    if config.option.tinygen_dut_json:
        from tinygen.hil.results import Results

        config.pluginmanager.register(Results(config.option.tinygen_dut_json), "tinygen-results")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what uses a device, before -m chooses."""
    for item in items:
        if "dut" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.hil)


class _Watch:
    """Fails a run in which no test has reached a device."""

    def __init__(self, config: pytest.Config) -> None:
        self._reached = config.option.collectonly

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._reached |= any(name == _DEVICE for name, _ in report.user_properties)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if not self._reached and exitstatus in (
            pytest.ExitCode.OK,
            pytest.ExitCode.NO_TESTS_COLLECTED,
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._reached:
            terminalreporter.write_line(
                "--require-hardware: no test has reached a device, so this run has failed", red=True
            )


@pytest.fixture(scope="session")
def dut_target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """The device that the options name, or tinygen.toml; without one the tests are skipped.

    A board of a rig is released at the end.
    """
    from tinygen.errors import NoDeviceError, TinygenError

    held = ExitStack()
    try:
        chosen = held.enter_context(_chosen(request.config))
    except NoDeviceError as error:
        _no_device(request.config, str(error))
    except TinygenError as error:
        pytest.fail(str(error), pytrace=False)
    yield chosen
    try:
        held.close()
    except TinygenError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def dut_firmware(request: pytest.FixtureRequest, dut_target: Target) -> Path:
    """The folder that ``tinygen build`` wrote for the device."""
    from tinygen import named

    folder = _settings(request.config).build.output
    return folder or request.config.rootpath / named.default_folder(dut_target.board)


@pytest.fixture(scope="session")
def dut_meter(request: pytest.FixtureRequest, dut_target: Target) -> Iterator[Meter | None]:
    """The power meter that --meter or tinygen.toml names, which supplies the board, or None."""
    from tinygen.device import power
    from tinygen.errors import NoDeviceError, TinygenError

    settings = _settings(request.config).power
    with ExitStack() as held:
        try:
            opened = power.supplying(settings, dut_target.board, emulated=dut_target.emulated)
            meter = held.enter_context(opened)
        except NoDeviceError as error:
            _no_device(request.config, str(error))
        except TinygenError as error:
            pytest.fail(str(error), pytrace=False)
        yield meter


@pytest.fixture(scope="session")
def dut_bench(
    request: pytest.FixtureRequest,
    dut_target: Target,
    dut_firmware: Path,
    dut_meter: Meter | None,  # it comes first, as it may supply the board
) -> Iterator[Bench]:
    """The device's line: a port, after flashing if that was asked for, or a running emulator."""
    from tinygen import built, dut, firmware
    from tinygen.errors import NoDeviceError, TinygenError, ToolchainError
    from tinygen.progress import Silent

    config = request.config
    worker = getattr(config, "workerinput", {})
    loan = dut_target.loan  # every worker has its own
    if not (dut_target.emulated or loan) and worker.get("workercount", 1) > 1:
        pytest.fail("one board answers one process; run its tests without -n", pytrace=False)
    with ExitStack() as running:
        try:
            under_test = built.read(dut_firmware, dut_target.board.name)
            entry = dut_target.entry
            remote = None
            if loan is not None:
                # Whatever is on the board is somebody else's.
                remote = running.enter_context(loan.flashed(under_test, _Told(config)))
            elif config.option.tinygen_flash and not dut_target.emulated:
                firmware.upload(
                    dut_firmware,
                    protocol=dut_target.flash_tool,
                    port=entry.probe,
                    timeout=entry.flash_timeout,
                )
            opened = dut.bench(
                under_test,
                dut_target.port,
                emulator=dut_target.port is None,
                progress=Silent(),
                baud=entry.baud,
                remote=remote,
            )
            bench = running.enter_context(opened)
        except (NoDeviceError, ToolchainError) as error:
            _no_device(config, str(error))
        except TinygenError as error:
            pytest.fail(str(error), pytrace=False)
        yield bench


@pytest.fixture
def dut(
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
    dut_target: Target,
    dut_bench: Bench,
    dut_meter: Meter | None,
) -> Iterator[DeviceUnderTest]:
    """The firmware on its device, with a line of its own for every test."""
    from tinygen.errors import NoDeviceError
    from tinygen.hil.device_under_test import DeviceUnderTest

    _skip_other_boards(request.node, dut_target)
    without_energy = dut_meter is None and dut_target.board.power is None
    if request.node.get_closest_marker("energy") and without_energy:
        pytest.skip(f"board {dut_target.board.name} has no energy figure, and there is no meter")
    settings = _settings(request.config)
    try:
        device = DeviceUnderTest(
            dut_bench,
            record_property,
            settings.budget,
            dut_target.entry.fixtures,
            settings.power,
            dut_meter,
        )
    except NoDeviceError as error:
        _no_device(request.config, str(error))
    with device:
        record_property("board", device.board.name)
        record_property(_DEVICE, device.kind)
        yield device


def _skip_other_boards(item: pytest.Item, target: Target) -> None:
    names = [name for marker in item.iter_markers("board") for name in marker.args]
    if names and not {target.board.name, *target.board.aliases}.intersection(names):
        pytest.skip(f"for {' or '.join(names)}, not for {target.board.name}")


def _no_device(config: pytest.Config, reason: str) -> NoReturn:
    if config.option.tinygen_require_hardware:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _chosen(config: pytest.Config) -> AbstractContextManager[Target]:
    """The device as the options tell."""
    from tinygen.errors import ConfigError
    from tinygen.hil import target

    option = config.option
    if option.tinygen_rig is None:
        chosen = target.choose(
            _board(config),
            port=option.tinygen_port,
            emulator=option.tinygen_emulator,
            map_file=option.tinygen_hardware_map,
        )
        return nullcontext(chosen)
    if option.tinygen_port or option.tinygen_emulator or option.tinygen_hardware_map:
        raise ConfigError(
            "--rig excludes --port, --emulator and --hardware-map; give one of the four"
        )
    tags, wait = option.tinygen_rig_tag, option.tinygen_rig_wait
    return target.on_rig(option.tinygen_rig, _board(config), tags, wait, _Told(config))


class _Told:
    """Progress past pytest's capture, at once: a board may be long in coming."""

    def __init__(self, config: pytest.Config) -> None:
        self._terminal = config.pluginmanager.get_plugin("terminalreporter")
        self._capture = config.pluginmanager.get_plugin("capturemanager")

    def step(self, text: str) -> None:
        if self._terminal is None:  # a worker of pytest-xdist
            return
        with self._capture.global_and_fixture_disabled() if self._capture else nullcontext():
            self._terminal.ensure_newline()
            self._terminal.write_line(f"tinygen: {text}")
            self._terminal.flush()

    def track(self, items: Iterable[T], total: int, text: str) -> Iterator[T]:
        yield from items


def _board(config: pytest.Config) -> str | None:
    """The board that is named, or the one that the firmware which is named was built for."""
    from tinygen.built import REPORT_FILE
    from tinygen.report.model import read_report

    settings = _settings(config).build
    if settings.board is None and config.option.tinygen_firmware is not None:
        return read_report(config.option.tinygen_firmware / REPORT_FILE).board
    return settings.board


def _settings(config: pytest.Config) -> Settings:
    """tinygen.toml in the root of the tests, if there is one, under the options."""
    from tinygen import config as settings

    file = config.rootpath / settings.FILE_NAME
    option = config.option
    given = {
        "build.board": option.tinygen_board,
        "build.output": option.tinygen_firmware,
        "power.meter": option.tinygen_meter,
    }
    return settings.load(given, file if file.is_file() else None)
