"""``tinygen profile`` against a device that answers, and against an emulated board."""

import json
from pathlib import Path

import built_loopback
import numpy as np
import pytest
from built_loopback import GRAPH

from tinygen import cli, data

MODELS = Path(__file__).parent / "models"


@pytest.fixture
def run(tmp_path, capsys):
    """Run ``tinygen profile`` on a built folder: exit code, standard output, errors."""
    folder = built_loopback.folder(tmp_path)

    def call(*arguments):
        code = cli.run(["profile", str(folder), *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    with built_loopback.device(tmp_path_factory.mktemp("device")) as url:
        yield url


def test_every_layer_that_runs_is_listed_in_order(run, device):
    code, out, _ = run("--port", device, "--json", "-")
    profile = json.loads(out)
    assert code == 0
    assert [layer["name"] for layer in profile["layers"]] == [node.name for node in GRAPH.nodes]
    assert profile["total"] == sum(layer["mean"] for layer in profile["layers"])


def test_ticks_of_another_counter_are_not_called_cycles(run, device):
    profile = json.loads(run("--port", device, "--json", "-")[1])
    assert (profile["device"], profile["unit"]) == ("board", "ticks")


def test_inferences_are_repeated_over_the_samples(run, device, tmp_path):
    np.savez(tmp_path / "samples.npz", x=data.random(GRAPH.inputs, 2).inputs[0][:, 0])
    code, out, _ = run(
        "--port", device, "--data", tmp_path / "samples.npz", "--repeat", 5, "--json", "-"
    )
    profile = json.loads(out)
    assert code == 0
    assert profile["inferences"] == 5
    assert all(layer["least"] <= layer["mean"] <= layer["most"] for layer in profile["layers"])


def test_a_page_is_written(run, device, tmp_path):
    code, out, _ = run("--port", device, "--html", tmp_path / "page.html")
    assert code == 0
    assert "<svg" in (tmp_path / "page.html").read_text()
    assert "total" in out


def test_a_port_and_an_emulator_exclude_each_other(run):
    assert run("--port", "x", "--emulator")[0] == 2


@pytest.mark.slow
@pytest.mark.parametrize("board", ["nucleo_f746", "mps2_an386"])
def test_an_emulator_counts_the_instructions_of_every_layer(tmp_path, capsys, monkeypatch, board):
    monkeypatch.chdir(tmp_path)
    model = str(MODELS / "digits_separable.tflite")
    arguments = ["--board", board, "--kernels", "tinygen"]
    assert cli.run(["build", model, *arguments, "--json", "report.json"]) == 0
    capsys.readouterr()
    assert cli.run(["profile", "--board", board, "--emulator", "--json", "-"]) == 0
    profile = json.loads(capsys.readouterr().out)
    report = json.loads((tmp_path / "report.json").read_text())
    proven = {layer["name"]: layer for layer in report["layers"]}
    assert profile["unit"] == "instructions"
    for layer in profile["layers"]:
        alone = proven[layer["name"]]
        assert layer["cycles_modelled"] == alone["cycles_modelled"]
        # The device also calls the layer and reads its counter.
        assert 0 <= layer["least"] - alone["instructions"] < 100
