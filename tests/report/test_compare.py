import json

from click.testing import CliRunner
from report.sample import EMPTY, SAMPLE

from tinygen.cli import cli
from tinygen.report.compare import compare

FASTER = SAMPLE.updated(
    run=SAMPLE.run.model_copy(update={"instructions": 3_500_000, "cycles_modelled": None}),
    memory=SAMPLE.memory.model_copy(update={"flash_bytes": 81_000}),
    layers=(
        SAMPLE.layers[0].model_copy(update={"kernel": "conv_2d_fast", "instructions": 1_500_000}),
        SAMPLE.layers[1],
    ),
)


def figures(comparison):
    return {change.name: change for change in comparison.figures}


def test_every_known_figure_is_listed_with_its_change():
    found = figures(compare(SAMPLE, FASTER))
    assert found["instructions"].percent == -50.0
    assert found["flash"].percent == 50.0
    assert found["accuracy"].percent == 0.0
    assert found["cycles, modelled"].after is None
    assert "cycles" not in found  # known to neither


def test_only_layers_that_changed_are_listed():
    ((name, kernel, changes),) = compare(SAMPLE, FASTER).layers
    assert (name, kernel) == ("conv", "conv_2d_portable -> conv_2d_fast")
    assert [(c.name, c.before, c.after) for c in changes] == [
        ("instructions", 5_000_000, 1_500_000)
    ]
    assert compare(SAMPLE, SAMPLE).layers == ()


def test_what_makes_figures_hard_to_compare_is_said():
    assert compare(SAMPLE, SAMPLE).notes == ()
    notes = compare(SAMPLE, EMPTY).notes
    assert "model: kws before, m after" in notes
    assert "core: cortex-m7 before, cortex-m0 after" in notes
    metered = SAMPLE.run.model_copy(update={"energy_method": "measured by PPK2"})
    assert compare(SAMPLE, SAMPLE.updated(run=metered)).notes == (
        "energy: modelled before, measured by PPK2 after",
    )


def test_the_command_writes_markdown_and_json(tmp_path):
    for name, report in (("old", SAMPLE), ("new", FASTER)):
        (tmp_path / f"{name}.json").write_text(report.json_text())
    paths = [str(tmp_path / "old.json"), str(tmp_path / "new.json")]
    shown = CliRunner().invoke(cli, ["compare", *paths, "--json", str(tmp_path / "out.json")])
    assert shown.exit_code == 0
    assert "| instructions | 7,000,000 | 3,500,000 | -50.00 % |" in shown.output
    assert "| flash | 54,000 B | 81,000 B | +50.00 % |" in shown.output
    assert "conv_2d_portable -> conv_2d_fast" in shown.output
    written = json.loads((tmp_path / "out.json").read_text())
    assert {"name": "instructions", "before": 7_000_000, "after": 3_500_000, "percent": -50.0} in (
        written["figures"]
    )
