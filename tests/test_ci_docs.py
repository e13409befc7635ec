"""docs/hil.md and docs/ci.md: what stands there is run as it stands there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tinygen import cli, config
from tinygen.hil import hardware_map
from tinygen.pytest_plugin import MARKERS

ROOT = Path(__file__).parents[1]
MODELS = Path(__file__).parent / "models"


def blocks(document, language):
    text = (ROOT / "docs" / document).read_text()
    return re.findall(rf"```{language}\n(.+?)```", text, re.DOTALL)


WORKFLOW, PRE_COMMIT = map(yaml.safe_load, blocks("ci.md", "yaml"))
HOOK = PRE_COMMIT["repos"][0]["hooks"][0]
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]


def fields_named_in(document):
    cells = re.findall(r"^\| (`.+?`) \|", (ROOT / "docs" / document).read_text(), re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(?:--)?([\w-]+)", cell)}


def tinygen_commands():
    scripts = [step.get("run", "") for step in STEPS] + [HOOK["entry"]]
    lines = [line.strip() for script in scripts for line in script.splitlines()]
    return [line.split() for line in lines if line.startswith("tinygen ")]


def test_the_commands_of_the_workflow_have_these_options():
    assert {"build", "test", "profile", "compare", "compile"} == {c[1] for c in tinygen_commands()}
    for _, name, *arguments in tinygen_commands():
        known = {o for p in cli.cli.get_command(None, name).params for o in p.opts}
        assert {a for a in arguments if a.startswith("-")} <= known, name


def test_the_settings_of_the_project_are_valid(tmp_path):
    (block,) = blocks("ci.md", "toml")
    (tmp_path / "tinygen.toml").write_text(block)
    settings = config.load(file=tmp_path / "tinygen.toml")
    assert settings.budget.accuracy == 0.9
    assert settings.build.board == "nucleo_f746"


@pytest.mark.parametrize("name", ["model.tflite", "models/kws.tflite", "tinygen.toml"])
def test_the_hook_looks_at_models_and_settings(name):
    assert re.search(HOOK["files"], name)
    assert not re.search(HOOK["files"], name + ".md")


def test_the_map_of_the_manual_is_valid(tmp_path):
    (block,) = blocks("hil.md", "yaml")
    (tmp_path / "map.yml").write_text(block)
    (entry,) = hardware_map.read(tmp_path / "map.yml")
    assert (entry.platform, entry.runner, entry.fixtures) == (
        "nucleo_f746zg",
        "openocd",
        ("power_meter",),
    )


def test_every_option_and_marker_of_the_plugin_is_in_the_manual(pytestconfig):
    documented = fields_named_in("hil.md")
    options = {
        name.removeprefix("tinygen_").replace("_", "-")
        for name in vars(pytestconfig.option)
        if name.startswith("tinygen_")
    }
    assert options
    assert options | {re.match(r"\w+", marker)[0] for marker in MARKERS} <= documented


@pytest.fixture
def project(tmp_path):
    """A project as docs/ci.md has it, around a committed network."""
    (settings,) = blocks("ci.md", "toml")
    (tests,) = blocks("hil.md", "python")
    (tmp_path / "tinygen.toml").write_text(settings)
    (tmp_path / "test_firmware.py").write_text(tests)
    shutil.copy(MODELS / "digits_separable.tflite", tmp_path / "model.tflite")
    shutil.copy(MODELS / "digits_separable.npz", tmp_path / "samples.npz")
    return tmp_path


def shell(script, folder, **environment):
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env=os.environ | {"PATH": tools} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_the_workflow_runs(project, tmp_path_factory):
    """Every step of the job without boards, but for what installs and checks out."""
    base = tmp_path_factory.mktemp("base")
    shutil.copytree(project, base, dirs_exist_ok=True)
    summary = tmp_path_factory.mktemp("summary") / "summary.md"
    for step in WORKFLOW["jobs"]["emulated"]["steps"]:
        if step.get("with", {}).get("path") == "base":
            shutil.move(base, project / "base")
        if "run" not in step or step["name"] == "Install":
            continue
        folder = project / step.get("working-directory", ".")
        said = shell(step["run"], folder, GITHUB_STEP_SUMMARY=str(summary))
        if "pytest" in step["run"]:
            tests = blocks("hil.md", "python")[0].count("def test_")
            assert f"{tests} passed" in said
    assert "| accuracy |" in summary.read_text()
    assert "<svg" in (project / "profile.html").read_text()
    assert {"report.json", "report.html", "report.xml", "build.xml", "tests.xml"} <= {
        path.name for path in project.iterdir()
    }


@pytest.mark.slow
def test_the_hook_runs_and_runs_again(project):
    for _ in range(2):
        shell(HOOK["entry"], project)
    assert (project / "build" / "network" / "network.c").is_file()
