"""The wheel: what it asks for, and that it works without the checkout."""

import email
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tiny_models import two_convs

from tinygen.tflite_format.writer import write

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


def pip(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT))
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory):
    """A folder with a model in it, and an environment in which tinygen is the wheel."""
    site = tmp_path_factory.mktemp("site")
    pip("install", "--no-deps", "--no-index", "--target", str(site), str(wheel))
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "model.tflite").write_bytes(write(two_convs()))
    return folder, os.environ | {"PYTHONPATH": str(site)}


def test_without_extras_no_tensorflow_is_asked_for(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    plain = [r for r in metadata.get_all("Requires-Dist") if "extra ==" not in r]
    names = {re.match(r"[\w.-]+", requirement)[0] for requirement in plain}
    assert {"click", "numpy", "unicorn"} <= names
    assert names.isdisjoint({"tensorflow", "tensorflow-cpu", "keras", "tflite-micro", "h5py"})
    extras = set(metadata.get_all("Provides-Extra"))
    assert extras == {"train", "verify", "report", "rig", "power", "flash", "hil"}


def test_pytest_finds_its_plugin(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("/entry_points.txt"))
        declared = archive.read(name).decode()
    assert "[pytest11]\ntinygen = tinygen.pytest_plugin" in declared


def test_it_holds_templates_boards_and_firmware(wheel):
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    for folder in ("templates", "boards", "firmware"):
        files = subprocess.run(
            ["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split()
        assert files
        assert {f"tinygen/_data/{file}" for file in files} <= inside


def test_it_builds_firmware_from_another_folder(elsewhere):
    folder, environment = elsewhere
    where = subprocess.run(
        [sys.executable, "-c", "import tinygen; print(tinygen.__file__)"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert where.startswith(environment["PYTHONPATH"])
    command = "build model.tflite --board nucleo_f746 -o out --proof host --kernels tinygen"
    done = subprocess.run(
        [sys.executable, "-m", "tinygen", *command.split()],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((folder / "out" / "report.json").read_text())
    assert report["board"] == "nucleo_f746zg"
    assert report["memory"]["flash_bytes"] > 1000
    assert (folder / "out" / ".pio" / "build" / "nucleo_f746zg" / "firmware.elf").is_file()
