"""From a model to an emulated board, by the command line alone."""

import itertools
import json
import os
from pathlib import Path

import pytest
from tiny_models import two_convs

from tinygen import cli, deps
from tinygen.tflite_format.writer import write

pytestmark = pytest.mark.slow
OWN = Path(__file__).parent / "models"
MODELS = Path(os.environ.get("TINYGEN_MODELS", "absent"))


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run a command line that must succeed; return its report."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = cli.run([*map(str, arguments), "--json", "report.json"])
        assert code == 0, capsys.readouterr().err
        return json.loads((tmp_path / "report.json").read_text())

    return call


@pytest.mark.parametrize(
    ("board", "emulator"),
    [
        ("nucleo_f746", "unicorn"),
        ("nucleo_g0b1", "unicorn"),
        ("mps2_an386", "qemu"),
        ("microbit", "qemu"),
    ],
)
def test_build_and_test(run, tmp_path, board, emulator):
    (tmp_path / "model.tflite").write_bytes(write(two_convs()))
    built = run("build", "model.tflite", "--board", board, "--kernels", "tinygen")
    assert built["run"]["device"] is None
    assert built["memory"]["flash_bytes"] > built["memory"]["weights_bytes"] > 0
    assert built["memory"]["ram_bytes"] > built["memory"]["arena_bytes"] > 0
    first, second = (run("test", "--board", board, "--emulator", "--limit", 3) for _ in range(2))
    assert first == second
    figures = first["run"]
    assert figures["device"] == emulator
    assert figures["cycles"] is None
    assert first["exact"]["proofs"][-1]["inputs"] == 3
    assert first["exact"]["mismatches"] == 0
    assert all(layer["instructions"] > 0 for layer in first["layers"])
    # The whole has a little more for going from one layer to the next, every layer has a reading
    # of the counter in it.
    layers = sum(layer["instructions"] for layer in first["layers"])
    assert figures["instructions"] == pytest.approx(layers, abs=200)


def test_the_same_build_gives_the_same_bytes(run, tmp_path):
    (tmp_path / "model.tflite").write_bytes(write(two_convs()))
    for folder in ("a", "b"):
        run("build", "model.tflite", "--board", "nucleo_f746", "-o", folder, "--proof", "host")
    images = [next((tmp_path / f).rglob("firmware.elf")).read_bytes() for f in ("a", "b")]
    reports = [(tmp_path / folder / "report.json").read_bytes() for folder in ("a", "b")]
    assert images[0] == images[1]
    assert reports[0] == reports[1]


def test_digits_are_recognised_in_16_kilobytes_of_ram(run):
    run("build", OWN / "digits_separable.tflite", "--board", "microbit", "--kernels", "tinygen")
    samples = OWN / "digits_separable.npz"
    report = run("test", "--board", "microbit", "--emulator", "--data", samples, "--limit", 30)
    assert report["run"]["correct"] >= 27
    assert report["exact"]["mismatches"] == 0


@pytest.mark.reference
@pytest.mark.skipif(not MODELS.is_dir(), reason="TINYGEN_MODELS does not name the reference models")
@pytest.mark.parametrize(
    ("board", "kernels"),
    [
        *itertools.product(
            ("nucleo_f746", "mps2_an386", "mps2_an500", "mps2_an505", "mps3_an547"),
            ("tinygen", "cmsis-nn"),
        ),
        ("nucleo_h743", "tinygen"),
        ("nucleo_u575", "tinygen"),
        ("nrf52840_dk", "tinygen"),
        ("nucleo_g0b1", "tinygen"),
    ],
)
def test_the_official_keywords_are_recognised(run, board, kernels):
    if kernels == "cmsis-nn" and deps.cmsis_nn() is None:
        pytest.skip("CMSIS-NN is not installed")
    model = MODELS / "models" / "kws_ref_model.tflite"
    run("build", model, "--board", board, "--kernels", kernels)
    samples = MODELS / "data" / "kws01_first200.npz"
    report = run("test", "--board", board, "--emulator", "--data", samples)
    assert report["run"]["samples"] == 200
    assert report["run"]["correct"] == 183
    assert report["exact"]["mismatches"] == 0


@pytest.mark.reference
@pytest.mark.skipif(not MODELS.is_dir(), reason="TINYGEN_MODELS does not name the reference models")
@pytest.mark.parametrize(
    "model", ["vww_96_int8.tflite", "pretrainedResnet_quant.tflite", "ad01_int8.tflite"]
)
@pytest.mark.parametrize("board", ["nucleo_f746", "mps2_an386"])
def test_the_other_reference_models_run_on_devices(run, board, model):
    run("build", MODELS / "models" / model, "--board", board, "--kernels", "tinygen")
    report = run("test", "--board", board, "--emulator", "--limit", 4)
    assert report["exact"]["proofs"][-1]["inputs"] == 4
    assert report["exact"]["mismatches"] == 0
