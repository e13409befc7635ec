"""What the commands show of budgets, and how they end."""

import re

import pytest
from report.sample import SAMPLE

from tinygen import cli
from tinygen.report import budget
from tinygen.report.model import Run

BUDGETS = """
[budget]
flash_bytes = 50000
ram_bytes = 20000
stack_bytes = 100
cycles_modelled = 7000000
energy_uj = 10000
cycles = 1
accuracy = 0.92
"""


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Run a command that finds out what the sample report says; exit code and what was shown."""
    (tmp_path / "tinygen.toml").write_text(BUDGETS)
    built = SAMPLE.updated(run=Run())
    monkeypatch.setattr(
        "tinygen.pipeline.build_firmware",
        lambda settings, progress: budget.judged(built, settings.budget),
    )

    class Right:
        def enforce(self):
            pass

    monkeypatch.setattr(
        "tinygen.pipeline.measure_firmware",
        lambda settings, progress, **rest: (budget.judged(SAMPLE, settings.budget), Right()),
    )

    def call(command):
        code = cli.run([command, "--config", str(tmp_path / "tinygen.toml")])
        captured = capsys.readouterr()
        return code, captured.out, captured.err.splitlines()

    return call


def row(table, name):
    """The cells of a budget's row behind its name."""
    _, _, budgets = table.partition("\nbudget ")
    (line,) = re.findall(rf"^{re.escape(name)}  +(.+)$", budgets, re.MULTILINE)
    return re.split("  +", line.strip())


def test_a_build_judges_memory_and_shows_by_how_much_it_is_over(run):
    code, table, said = run("build")
    assert code == 1
    assert row(table, "flash_bytes") == ["54,000", "50,000", "4,000 (8.0 %)", "NOT MET"]
    assert row(table, "ram_bytes") == ["20,000", "20,000", "met"]
    assert row(table, "energy_uj") == ["-", "10,000", "not known"]
    assert said[0].startswith("budget stack_bytes was not judged: only a full proof")
    assert len(said) == 2
    assert "flash_bytes is 54,000, over its budget of 50,000 by 4,000 (8.0 %)" in said[1]


def test_a_test_judges_everything_and_says_what_is_modelled(run):
    code, table, said = run("test")
    assert code == 1
    over = "1,000,000 (14.3 %)"
    assert row(table, "cycles_modelled (modelled)") == ["8,000,000", "7,000,000", over, "NOT MET"]
    assert row(table, "energy_uj (modelled)")[2:] == ["2,466.7 (24.7 %)", "NOT MET"]
    assert row(table, "accuracy") == ["0.915", "0.92", "0.005", "NOT MET"]
    assert [line.split(" was ")[0] for line in said[:-1]] == ["budget stack_bytes", "budget cycles"]
    assert "cycles_modelled is 8,000,000 (modelled), over its budget" in said[-1]
    assert "accuracy is 0.915, under its budget of 0.92 by 0.005" in said[-1]
