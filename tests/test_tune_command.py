"""``tinygen tune``, and builds with its table."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import loopback
import pytest
from tiny_models import two_convs

from tinygen import cli, dut, firmware
from tinygen.tflite_format.writer import write

# Three kernels can compute its layers, so that it takes three images.
DIGITS = Path(__file__).parent / "models" / "digits_autoencoder.tflite"


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Run tinygen in an empty folder with a model: exit code, standard output, errors."""
    monkeypatch.chdir(tmp_path)
    Path("model.tflite").write_bytes(write(two_convs()))

    def call(*arguments):
        code = cli.run([*map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["model.tflite", "-o", "t.json"], "no board is given"),
        (["model.tflite", "--board", "nucleo_f746"], "-o TABLE, or .build. tuned"),
        (["model.tflite", "--emulator", "--port", "x"], "--emulator excludes --port"),
        (["--board", "nucleo_f746", "-o", "t.json"], "no model is given"),
    ],
)
def test_what_is_missing_is_said(run, arguments, told):
    code, _, errors = run("tune", *arguments)
    assert code == 2
    assert re.search(told, errors)
    assert not Path("t.json").exists()


def test_a_build_needs_a_table_that_is_there(run):
    options = ("--board", "nucleo_f746", "--tuned", "absent.json")
    code, _, errors = run("build", "model.tflite", *options)
    assert code == 2
    assert "absent.json" in errors


@pytest.mark.slow
@pytest.mark.parametrize("board", ["nucleo_f746", "mps2_an386"])
def test_a_build_takes_what_an_emulated_board_measured(run, board):
    options = ("--board", board, "--kernels", "tinygen")
    code, out, errors = run(
        "tune", DIGITS, *options, "--emulator", "-o", "table.json", "--json", "-"
    )
    assert code == 0, errors
    comparison = json.loads(out)
    code, out, errors = run("build", DIGITS, *options, "--tuned", "table.json", "--json", "-")
    assert code == 0, errors
    report = json.loads(out)
    assert report["selection"]["measured_layers"] == len(report["layers"])
    chosen = [layer["candidates"][layer["after"]] for layer in comparison["layers"]]
    assert [layer["kernel"] for layer in report["layers"]] == [c["kernel"] for c in chosen]
    code, out, _ = run("profile", "--board", board, "--emulator", "--json", "-")
    profile = {layer["name"]: layer["mean"] for layer in json.loads(out)["layers"]}
    for layer, candidate in zip(comparison["layers"], chosen, strict=True):
        # What lies where differs between images, which costs an instruction here or there.
        assert profile.get(layer["name"], 0) == pytest.approx(candidate["measured"], rel=0.01)


@pytest.mark.slow
def test_a_board_is_flashed_once_per_image_and_counts_its_own_ticks(run, tmp_path, monkeypatch):
    """The board is the firmware's protocol code on this machine; no tool flashes it."""
    running, flashed = [], []

    def build(compiled, board, folder, sha256, copies):
        executable = loopback.build(folder, compiled, sha256=sha256)
        return SimpleNamespace(build_id=loopback.BUILD_ID, elf=executable)

    def upload(folder, protocol, port):
        flashed.append((protocol, port))
        for device in running:
            device.__exit__(None, None, None)
        running[:] = [loopback.Loopback(folder / "loopback").__enter__()]

    monkeypatch.setattr(firmware, "build", build)
    monkeypatch.setattr(firmware, "upload", upload)
    monkeypatch.setattr(dut, "find_port", lambda name, ids: running[0].url)
    options = ("--board", "nucleo_f446re", "--kernels", "tinygen", "--probe", "0123")
    code, out, errors = run("tune", DIGITS, *options, "-o", "table.json", "--json", "-")
    for device in running:
        device.__exit__(None, None, None)
    assert code == 0, errors
    assert len(flashed) == json.loads(out)["images"] == 3
    assert set(flashed) == {("mass_storage", "0123")}
    table = json.loads(Path("table.json").read_text())
    assert (table["device"], table["unit"]) == ("board", "ticks")
