"""``tinygen test --meter`` and ``dut.energy()``: an emulated board whose pin an instrument hears.

The emulated board is reached by its port, as a real one is: nothing in the way of the figures knows
that neither board nor instrument is real.
"""

import json
from pathlib import Path

import pytest
from device.power.instruments import ACTIVE_WATTS, wired

from tinygen import boards, cli

pytest_plugins = ["pytester"]
MODEL = Path(__file__).parent / "models" / "digits_separable.tflite"
NUCLEO = boards.load_board("nucleo_f746")
WINDOWS = ("--windows", "2", "--inferences-per-window", "30")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    folder = tmp_path_factory.mktemp("energy") / "firmware"
    how = ["--board", "nucleo_f746", "--kernels", "tinygen", "--proof", "host", "-o", str(folder)]
    assert cli.run(["build", str(MODEL), *how]) == 0
    return folder


@pytest.fixture
def bench(firmware, tmp_path):
    elf = firmware / ".pio" / "build" / NUCLEO.name / "firmware.elf"
    with wired(NUCLEO, elf, tmp_path) as (emulator, instrument):
        yield emulator.url, f"powershield:{instrument.port}"


@pytest.fixture
def run(firmware, capsys):
    def call(*arguments):
        capsys.readouterr()
        code = cli.run(["test", str(firmware), "--limit", "2", "--json", "-", *arguments])
        captured = capsys.readouterr()
        return code, json.loads(captured.out) if captured.out else None, captured.err

    return call


def test_energy_is_measured_around_the_inferences(run, bench):
    url, meter = bench
    code, report, shown = run("--port", url, "--meter", meter, *WINDOWS)
    figures = report["run"]
    assert code == 0
    assert figures["energy_method"] == "measured by PowerShield 1.0.6"
    assert figures["energy_uj"] == pytest.approx(
        1e3 * ACTIVE_WATTS * figures["latency_ms"], rel=0.01
    )
    assert (figures["energy_windows"], figures["energy_inferences"]) == (2, 30)
    assert figures["energy_uj_min"] <= figures["energy_uj"] <= figures["energy_uj_max"]
    assert 0 <= figures["energy_uj_spread"] < 0.01 * figures["energy_uj"]
    assert "measured by PowerShield 1.0.6 +- 0.0 (2 windows of 30 inferences)" in shown


def test_a_budget_on_measured_energy_breaks_without_being_called_modelled(run, bench, tmp_path):
    url, meter = bench
    settings = tmp_path / "tinygen.toml"
    settings.write_text(
        f"[power]\nmeter = '{meter}'\nwindows = 1\ninferences_per_window = 30\n"
        "[budget]\nenergy_uj = 1\nflash_bytes = 1000000\ninstructions = 10\n"
    )
    code, report, shown = run("--port", url, "--config", str(settings))
    assert code == 1
    verdicts = {verdict["name"]: verdict["passed"] for verdict in report["budgets"]}
    assert verdicts == {"energy_uj": False, "flash_bytes": True, "instructions": None}
    assert "budget instructions was not judged: only an emulated board gives it" in shown
    sentence = shown.splitlines()[-1]
    assert "energy_uj is" in sentence
    assert "over its budget of 1 by" in sentence
    assert "modelled" not in sentence


def test_a_broken_budget_on_a_model_says_that_it_is_one(run, tmp_path):
    settings = tmp_path / "tinygen.toml"
    settings.write_text("[budget]\ncycles_modelled = 1000\nenergy_uj = 1\ncycles = 5\n")
    code, report, shown = run("--emulator", "--meter", "modelled", "--config", str(settings))
    sentence = shown.splitlines()[-1]
    assert code == 1
    assert report["run"]["energy_method"] == "modelled"
    assert "(modelled), over its budget of 1,000 by" in sentence
    assert "(modelled), over its budget of 1 by" in sentence
    assert "budget cycles was not judged: only the cycle counter of a real board" in shown


def test_an_emulated_board_is_not_measured(run):
    code, report, shown = run("--emulator", "--meter", "powershield:/dev/absent")
    assert (code, report) == (2, None)
    assert "an emulated board draws no current" in shown


def test_a_meter_that_is_not_there_is_the_exit_code_of_devices(run, bench):
    code, report, shown = run("--port", bench[0], "--meter", "powershield:/dev/absent")
    assert (code, report) == (4, None)
    assert "/dev/absent does not exist" in shown


def test_tests_of_a_team_get_measured_energy(pytester, firmware, bench):
    url, meter = bench
    pytester.makefile(
        ".toml",
        tinygen="[power]\nwindows = 2\ninferences_per_window = 30\n[budget]\nenergy_uj = 1\n",
    )
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.energy
        def test_energy(dut):
            energy = dut.energy()
            assert len(energy.joules) == 2
            assert energy.meter == "PowerShield 1.0.6"
            report = dut.report(limit=1)
            assert report.run.energy_windows == 2
            assert [verdict.passed for verdict in report.budgets] == [False]
        """
    )
    options = ("--firmware", str(firmware), "--port", url, "--require-hardware")
    result = pytester.runpytest_subprocess(*options, "--meter", meter, "--junitxml", "junit.xml")
    result.assert_outcomes(passed=1)
    assert "measured by PowerShield 1.0.6" in (pytester.path / "junit.xml").read_text()
    absent = pytester.runpytest_subprocess(*options, "--meter", "powershield:/dev/absent")
    absent.assert_outcomes(errors=1)
    absent.stdout.fnmatch_lines(["*/dev/absent does not exist*"])
