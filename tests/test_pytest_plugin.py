"""The pytest plugin, run by another pytest: with a device that answers, and without any."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import built_loopback
import numpy as np
import pytest
import yaml
from built_loopback import GRAPH

from tinygen import boards, cli, data, hil, pipeline, reference
from tinygen.hil import device_under_test, results, target

# pytester forgets every module that was first imported in a run of its own, and a module that is
# then imported again is another one; so all that the plugin imports is imported here.
PRELOADED = (boards, device_under_test, hil, pipeline, results, target, yaml)
FEW_PLUGINS = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
pytest_plugins = ["pytester"]
MODELS = Path(__file__).parent / "models"

USES_A_DEVICE = "def test_something(dut):\n    assert dut.verify().mismatches == 0\n"


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    with built_loopback.device(tmp_path_factory.mktemp("device")) as url:
        yield url


@pytest.fixture
def suite(pytester, monkeypatch):
    """Run pytest on the source of one test file, on a machine with nothing plugged in."""
    monkeypatch.setattr("serial.tools.list_ports.comports", list)
    folder = built_loopback.folder(pytester.mkdir("firmware"))

    def call(source, *arguments, firmware=True):
        pytester.makepyfile(source)
        named = ("--firmware", folder) if firmware else ()
        return pytester.runpytest_inprocess(*FEW_PLUGINS, *named, *arguments)

    return call


def summary(result):
    """The lines of what went wrong or was skipped, with the reasons in full."""
    return result.stdout.str()


def test_loading_it_loads_nothing_heavy():
    code = (
        "import sys, tinygen.pytest_plugin;"
        "heavy = {'numpy', 'pydantic', 'serial', 'unicorn', 'jinja2'} & set(sys.modules);"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_its_markers_are_known(suite):
    marks = "@pytest.mark.hil\n@pytest.mark.energy\n@pytest.mark.slow\n@pytest.mark.board('x')\n"
    result = suite(f"import pytest\n\n{marks}def test_it():\n    pass\n", "--strict-markers")
    result.assert_outcomes(passed=1)


def test_without_a_board_the_reason_is_told(suite):
    result = suite(USES_A_DEVICE, "-rs", firmware=False)
    result.assert_outcomes(skipped=1)
    assert result.ret == 0
    assert "no board is named; give --board" in summary(result)


def test_a_board_that_is_not_plugged_in_is_skipped(suite):
    result = suite(USES_A_DEVICE, "-rs", "--board", "nucleo_f746")
    result.assert_outcomes(skipped=1)
    assert "no board nucleo_f746zg is plugged in" in summary(result)


def test_a_port_where_nothing_is_is_skipped(suite):
    result = suite(USES_A_DEVICE, "-rs", "--port", "/dev/absent")
    result.assert_outcomes(skipped=1)
    assert "/dev/absent does not exist" in summary(result)


def test_where_hardware_is_required_its_absence_fails(suite):
    result = suite(USES_A_DEVICE, "--board", "nucleo_f746", "--require-hardware")
    result.assert_outcomes(errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "no board nucleo_f746zg is plugged in" in summary(result)


@pytest.mark.parametrize("source", ["", "def test_of_the_host():\n    pass\n"])
def test_where_hardware_is_required_a_run_without_it_fails(suite, source):
    result = suite(source, "--require-hardware")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "no test has reached a device" in summary(result)


def test_where_hardware_is_required_one_test_that_reaches_it_is_enough(suite, device):
    result = suite(USES_A_DEVICE, "--require-hardware", "--port", device)
    result.assert_outcomes(passed=1)
    assert result.ret == 0


def test_collecting_alone_needs_no_hardware(suite):
    assert suite(USES_A_DEVICE, "--require-hardware", "--collect-only").ret == 0


def test_firmware_that_is_missing_is_no_reason_to_skip(suite, device):
    result = suite(USES_A_DEVICE, "--board", "nucleo_f746", "--port", device, firmware=False)
    result.assert_outcomes(errors=1)
    assert "run 'tinygen build' first" in summary(result)


def test_an_unknown_board_is_no_reason_to_skip(suite):
    result = suite(USES_A_DEVICE, "--board", "nucleo_f999")
    result.assert_outcomes(errors=1)
    assert "'nucleo_f999' is not known" in summary(result)


def test_a_board_without_an_emulator_is_no_device(suite, monkeypatch):
    board = boards.load_board("nucleo_f746").model_copy(update={"emulator": None})
    monkeypatch.setattr("tinygen.boards.load_board", lambda name: board)
    result = suite(USES_A_DEVICE, "-rs", "--emulator")
    result.assert_outcomes(skipped=1)
    assert "has no emulator" in summary(result)


def test_an_emulator_excludes_a_port(suite):
    result = suite(USES_A_DEVICE, "--emulator", "--port", "x")
    result.assert_outcomes(errors=1)
    assert "--emulator excludes" in summary(result)


def test_only_tests_with_a_device_have_its_mark(suite, device):
    source = USES_A_DEVICE + "\n\ndef test_of_the_host():\n    pass\n"
    suite(source, "-m", "hil", "--port", device).assert_outcomes(passed=1, deselected=1)


def test_tests_for_other_boards_are_skipped(suite, device):
    source = """
        import pytest

        @pytest.mark.board("nucleo_f446re", "mps2_an386")
        def test_of_others(dut):
            raise AssertionError

        @pytest.mark.board("nucleo_f446re", "nucleo_f746")
        def test_by_an_alias(dut):
            assert dut.board.name == "nucleo_f746zg"
    """
    result = suite(source, "-rs", "--port", device)
    result.assert_outcomes(passed=1, skipped=1)
    assert "for nucleo_f446re or mps2_an386, not for nucleo_f746zg" in summary(result)


def test_tinygen_toml_names_board_and_firmware_and_budgets(suite, device, pytester):
    pytester.makefile(
        ".toml",
        tinygen='[build]\nboard = "nucleo_f746"\noutput = "firmware"\n[budget]\narena_bytes = 9\n',
    )
    source = """
        def test_budgets(dut):
            (verdict,) = dut.report(limit=2).budgets
            assert (verdict.name, verdict.passed) == ("arena_bytes", False)
    """
    suite(source, "--port", device, firmware=False).assert_outcomes(passed=1)


def test_everything_that_a_device_can_be_asked(suite, device):
    source = """
        import numpy as np

        def test_of_everything(dut):
            inputs = np.zeros(dut.graph.inputs[0].shape, np.int8)
            outputs = dut.infer(inputs)
            assert all(map(np.array_equal, outputs, dut.expected([inputs])))
            assert outputs[0].shape == dut.graph.outputs[0].shape
            assert dut.figures(inputs).device == dut.kind == "board"
            profile = dut.profile(inputs, repeat=2)
            assert [layer.name for layer in profile.layers] == [n.name for n in dut.graph.nodes]
            assert 0 < dut.memory().arena_high_water <= dut.memory().arena
            assert dut.fault() is None
            boot_id = dut.session.device.boot_id
            assert dut.reset().boot_id != boot_id
            dut.reconnect()
            assert dut.report(limit=3).run.samples == 3
            assert dut.fixtures == ()
    """
    suite(source, "--port", device).assert_outcomes(passed=1)


def test_energy_that_cannot_be_modelled_is_told_of(suite, device):
    source = """
        import pytest
        from tinygen.errors import DeviceError

        @pytest.mark.energy
        def test_of_energy(dut):
            with pytest.raises(DeviceError, match="cannot be modelled.*measure it with --meter"):
                dut.energy()
    """
    suite(source, "--port", device).assert_outcomes(passed=1)


def test_a_meter_of_ones_own(suite, device, pytester):
    pytester.makeconftest(
        """
        import pytest
        from tinygen.device.power.modelled import Modelled

        class Meter(Modelled):
            name = "our own"

        @pytest.fixture(scope="session")
        def dut_meter(dut_target):
            return Meter(dut_target.board)
        """
    )
    pytester.makefile(
        ".toml",
        tinygen="[power]\nwindows = 3\ninferences_per_window = 20\n[budget]\nenergy_uj = 1e9\n",
    )
    source = """
        def test_of_energy(dut):
            energy = dut.energy()
            assert (len(energy.joules), energy.inferences) == (3, 20)
            assert min(energy.joules) > 0
            report = dut.report(limit=1)
            assert report.run.energy_method == "measured by our own"
            (verdict,) = report.budgets
            assert (verdict.passed, verdict.modelled) == (True, False)
    """
    result = suite(source, "--port", device, "--junitxml", "junit.xml")
    result.assert_outcomes(passed=1)
    assert 'name="energy_uj_spread"' in (pytester.path / "junit.xml").read_text()


def test_energy_tests_are_skipped_where_there_is_no_figure(suite, monkeypatch, device):
    board = boards.load_board("nucleo_f746").model_copy(update={"power": None})
    monkeypatch.setattr("tinygen.boards.load_board", lambda name: board)
    monkeypatch.setattr("tinygen.built.load_board", lambda name: board)
    source = "import pytest\n\n@pytest.mark.energy\ndef test_it(dut):\n    pass\n"
    result = suite(source, "-rs", "--port", device)
    result.assert_outcomes(skipped=1)
    assert "has no energy figure, and there is no meter" in summary(result)


def test_an_emulated_board_has_no_use_for_a_meter(suite):
    result = suite(USES_A_DEVICE, "--emulator", "--meter", "joulescope")
    result.assert_outcomes(errors=1)
    assert "draws no current" in summary(result)


def test_real_values_are_quantized(suite, device):
    source = """
        import numpy as np
        from tinygen.data import quantize

        def test_of_real_values(dut):
            (tensor,) = dut.graph.inputs
            real = np.linspace(-1, 1, tensor.size, dtype=np.float32).reshape(tensor.shape)
            assert np.array_equal(dut.infer(real)[0], dut.infer(quantize(real, tensor))[0])
    """
    suite(source, "--port", device).assert_outcomes(passed=1)


def test_inputs_that_do_not_fit_are_refused(suite, device):
    source = """
        import numpy as np
        import pytest
        from tinygen.errors import DataError

        def test_of_bad_inputs(dut):
            with pytest.raises(DataError, match="input 0 has shape"):
                dut.infer(np.zeros(3, np.int8))
            with pytest.raises(DataError, match="1 inputs, not 2"):
                dut.infer([np.zeros(3, np.int8)] * 2)
            with pytest.raises(DataError, match="no labels"):
                dut.accuracy(__import__("tinygen.data").data.random(dut.graph.inputs, 2))
    """
    suite(source, "--port", device).assert_outcomes(passed=1)


@pytest.mark.parametrize("family", ["xunit1", "legacy"])
def test_figures_are_properties_of_the_test(suite, device, pytester, family):
    drawn = data.random(GRAPH.inputs, 4)
    output = GRAPH.outputs[0]
    labels = [int(np.argmax(reference.run(GRAPH, x)[output])) for x in drawn]
    labels[0] = (labels[0] + 1) % output.size
    np.savez(pytester.path / "samples.npz", x=drawn.inputs[0][:, 0], y=labels)
    result = suite(
        """
        def test_accuracy(dut):
            assert dut.accuracy("samples.npz") == 0.75
            dut.profile()
            dut.memory()
        """,
        *("--port", device, "--junitxml", "junit.xml", "-o", f"junit_family={family}"),
        *("-W", "error::pytest.PytestWarning"),
    )
    result.assert_outcomes(passed=1)
    (case,) = ElementTree.parse(pytester.path / "junit.xml").iter("testcase")
    found = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert found["board"] == "nucleo_f746zg"
    assert found["device"] == "board"
    assert (found["accuracy"], found["samples"], found["mismatches"]) == ("0.75", "4", "0")
    assert int(found["arena_high_water"]) > 0
    assert {f"ticks of {node.name}" for node in GRAPH.nodes} <= set(found)


def test_outcomes_and_figures_are_written_as_json(suite, device, pytester):
    source = """
        import pytest

        def test_passes(dut):
            dut.verify(limit=2)
            dut.verify(limit=3)

        def test_fails(dut):
            dut.memory()
            assert dut.kind == "unicorn"

        @pytest.mark.board("mps2_an386")
        def test_is_skipped(dut):
            pass

        @pytest.fixture
        def breaking():
            yield
            raise OSError("no more")

        def test_breaks(breaking):
            pass
    """
    result = suite(source, "--port", device, "--dut-json", "results.json")
    result.assert_outcomes(passed=2, failed=1, skipped=1, errors=1)
    found = json.loads((pytester.path / "results.json").read_text())
    by_name = {one["test"].rpartition("::")[2]: one for one in found}
    assert list(by_name) == ["test_passes", "test_fails", "test_is_skipped", "test_breaks"]
    outcomes = [one["outcome"] for one in found]
    assert outcomes == ["passed", "failed", "skipped", "failed"]
    assert by_name["test_passes"]["figures"]["samples"] == 3
    assert by_name["test_passes"]["reason"] is None
    assert by_name["test_passes"]["seconds"] > 0
    assert by_name["test_fails"]["figures"]["arena_high_water"] > 0
    assert "unicorn" in by_name["test_fails"]["reason"]
    assert by_name["test_is_skipped"]["reason"] == "for mps2_an386, not for nucleo_f746zg"
    assert "no more" in by_name["test_breaks"]["reason"]


@pytest.mark.parametrize("other", [("--port", "x"), ("--emulator",), ("--hardware-map", "x")])
def test_a_rig_excludes_other_devices(suite, other):
    result = suite(USES_A_DEVICE, "--rig", "lab", "--board", "nucleo_f746", *other)
    result.assert_outcomes(errors=1)
    assert "--rig excludes" in summary(result)


def test_a_rig_without_a_board_is_no_reason_to_skip(suite):
    result = suite(USES_A_DEVICE, "--rig", "lab", firmware=False)
    result.assert_outcomes(errors=1)
    assert "--rig needs a board" in summary(result)


def test_a_rig_without_labgrid_says_how_to_install_it(suite, monkeypatch):
    monkeypatch.setenv("TINYGEN_LABGRID", "/absent")
    result = suite(USES_A_DEVICE, "--rig", "lab", "--board", "nucleo_f746")
    result.assert_outcomes(errors=1)
    assert "/absent is no environment with labgrid; install it" in summary(result)


def test_a_hardware_map_tells_the_port(suite, device, pytester):
    (pytester.path / "map.yml").write_text(
        "- {connected: false, platform: nucleo_f746zg, serial: /dev/absent}\n"
        "- {connected: true, platform: nucleo_f446re, serial: /dev/absent}\n"
        f"- {{connected: true, platform: nucleo_f746zg, serial: '{device}', fixtures: [meter]}}\n"
    )
    source = "def test_it(dut):\n    assert dut.fixtures == ('meter',)\n    dut.verify(limit=1)\n"
    suite(source, "--hardware-map", "map.yml").assert_outcomes(passed=1)


def test_a_board_that_the_map_does_not_have_is_skipped(suite, pytester):
    (pytester.path / "map.yml").write_text("- {connected: true, platform: nucleo_f446re}\n")
    result = suite(USES_A_DEVICE, "-rs", "--hardware-map", "map.yml")
    result.assert_outcomes(skipped=1)
    assert "map.yml has no connected nucleo_f746zg" in summary(result)


@pytest.mark.slow
def test_workers_share_no_real_board(suite, device):
    two = "def test_a(dut):\n    pass\n\n\ndef test_b(dut):\n    pass\n"
    result = suite(two, "--port", device, "-n", "2")
    result.assert_outcomes(errors=2)
    assert "one board answers one process" in summary(result)


def test_firmware_is_flashed_when_asked_for(suite, device, monkeypatch, pytester):
    asked = []
    monkeypatch.setattr(
        "tinygen.firmware.upload", lambda folder, **rest: asked.append((folder, rest))
    )
    (pytester.path / "map.yml").write_text(
        f"- {{connected: true, platform: nucleo_f746zg, serial: '{device}', runner: pyocd,"
        " id: 0001, probe_id: P7, flash_timeout: 30}\n"
    )
    suite(USES_A_DEVICE, "--flash", "--hardware-map", "map.yml").assert_outcomes(passed=1)
    ((folder, how),) = asked
    assert folder == pytester.path / "firmware"
    assert how == {"protocol": "pyocd", "port": "P7", "timeout": 30.0}


@pytest.mark.slow
def test_on_an_emulated_board(pytester):
    firmware = pytester.path / "build" / "nucleo_f746zg"
    arguments = ["--board", "nucleo_f746", "--kernels", "tinygen", "--proof", "host"]
    model = MODELS / "digits_separable.tflite"
    assert cli.run(["build", str(model), *arguments, "-o", str(firmware)]) == 0
    pytester.makepyfile(
        f"""
        def test_accuracy(dut):
            assert dut.accuracy({str(model.with_suffix(".npz"))!r}, limit=100) >= 0.95

        def test_speed(dut):
            assert dut.figures().instructions < 100_000
            assert dut.report().run.latency_ms < 1
        """
    )
    result = pytester.runpytest_subprocess(
        "-n", "2", "--board", "nucleo_f746", "--emulator", "--require-hardware"
    )
    result.assert_outcomes(passed=2)
    assert result.ret == 0
